"""API dialects: what a request asks for, edits that leave every other byte alone, errors as a client of that API expects them."""
