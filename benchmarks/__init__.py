"""Measurements of the whole house from outside; nothing here is shipped."""
