"""The floors of the tests, quick ones first: see tools/test_floors.py."""
