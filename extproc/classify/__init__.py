"""Text classification: what a text is told by, and linear models over that. It knows no policy and no payload."""
