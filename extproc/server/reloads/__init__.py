"""The life of a policy in the server: the files it was read from, when they change, and how the next is taken."""
