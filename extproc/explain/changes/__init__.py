"""The meaning of a change of a policy: by what both versions say, not by their lines."""
