"""The facts of a request that conditions in the policy may be about."""
