"""The world outside, for demo, tests and benchmark: it speaks SMTP and HTTP and imports nothing of the house."""
