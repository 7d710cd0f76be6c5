"""Guards from elsewhere: for each kind of service, what it is asked and what its responses mean."""

from extproc.detectors.guards.made import made_guard

__all__ = ["made_guard"]
