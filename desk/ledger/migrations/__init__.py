"""Migrations of the ledger, made by Tortoise, read and completed by hand; they only ever add."""
