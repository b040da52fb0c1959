"""The floor of faults: a node is killed at every commit and every socket write, and the books must balance."""
