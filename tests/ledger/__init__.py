"""The floor where the database is real, on both engines."""
