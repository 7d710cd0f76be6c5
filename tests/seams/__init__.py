"""Extension points, each used as a plug-in uses it: by public names alone, and added by one registration."""
