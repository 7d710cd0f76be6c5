"""An AI payload processor for Envoy: the public names for plug-in authors, and the version."""

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    """Return the version, looked up when somebody asks: that takes longer than a command's own start."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415  - see above

    try:
        return version("envoy-extproc")
    except PackageNotFoundError:  # a source tree that nobody installed
        return "0+unknown"
