"""A distribution of plug-ins, one of each kind, as its author writes it: docs/extend.md shows these very files."""
