"""The admin port: health, readiness, metrics and status over HTTP."""

from extproc.admin.site import Source, serving

__all__ = ["Source", "serving"]
