"""What a change of a policy means: by what both versions say, not by their lines."""
