"""What every room may rest on: errors, clock, names, the message, settings. Nothing here does I/O."""
