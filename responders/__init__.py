"""Says what is owed: the outbox, mails, and later calls. It never reads what came in."""
