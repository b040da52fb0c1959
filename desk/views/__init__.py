"""Read models: what pages, commands, health and export see of the ledger. Nothing here writes."""
