"""Severity and language of a text."""
