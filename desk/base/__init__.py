"""What every room may rest on: errors, clock, names, the message, settings. No I/O but reading the language folders."""
