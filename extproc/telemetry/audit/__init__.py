"""The audit record: its lines, the chain that they make, signatures, and the verification of all that."""
