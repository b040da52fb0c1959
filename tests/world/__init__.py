"""The simulated world: whole lives of a desk in virtual time, and the guarantees as invariants (DESIGN 8, Proof)."""
