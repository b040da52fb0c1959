"""Mails that go out: their words framed as bytes, and the sender that hands them to the relay."""
