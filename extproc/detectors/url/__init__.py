"""Links in replies: by lists of hosts and paths, and by what is suspicious about them."""

from extproc.detectors.url.links import URL

__all__ = ["URL"]
