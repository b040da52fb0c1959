"""How things come in: each channel has a folder. Nothing here answers anybody."""
