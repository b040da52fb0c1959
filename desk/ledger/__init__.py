"""The ledger: tables, migrations, the store with its two writers, and the mirror pair `load` and `save`."""
