"""Mail coming in: listeners, and the reading of what they took."""
