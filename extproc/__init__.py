"""An AI payload processor for Envoy: the public names for plug-in authors, and the version."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("envoy-extproc")
except PackageNotFoundError:  # a source tree that nobody installed
    __version__ = "0+unknown"

__all__ = ["__version__"]
