"""The admin port: health, readiness, metrics and status over HTTP."""

from extproc.admin.site import AdminSource, serving

__all__ = ["AdminSource", "serving"]
