"""What the user wants: the class of the words, told by examples or from a built-in set."""
