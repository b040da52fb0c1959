"""Mails kept as they came, and what reading makes of them."""
