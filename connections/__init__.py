"""What intake and responders both need of the outer world."""
