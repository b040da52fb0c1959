"""Mutants: each guarantee broken on purpose by one changed decision, and the test that must notice."""
