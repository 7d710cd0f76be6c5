"""Lists of hosts and of beginnings of paths, by which links are allowed or denied."""

from collections.abc import Iterable

from extproc.detectors.url.address import LinkAddress, host_of


class HostList:
    """Entries such as `example.com`, `*.example.com` for it and all below it, and `example.com/docs/`."""

    __slots__ = ("_at", "_below")

    def __init__(self, written: Iterable[str]) -> None:
        self._at: dict[str, list[str]] = {}  # paths by hosts; an empty one is all of a host
        self._below: dict[str, list[str]] = {}
        for each in written:
            host, _, path = each.partition("/")
            hosts = self._below if host.startswith("*.") else self._at
            hosts.setdefault(host_of(host.removeprefix("*.")), []).append(f"/{path}".rstrip("/"))

    def holds(self, link: LinkAddress) -> bool:
        """True if an entry means that link."""
        if _holds(self._at.get(link.host, ()), link.path):
            return True
        if not self._below:
            return False
        labels = link.host.split(".")
        return any(_holds(self._below.get(".".join(labels[at:]), ()), link.path) for at in range(len(labels)))

    def __bool__(self) -> bool:
        return bool(self._at or self._below)


def _holds(paths: Iterable[str], path: str) -> bool:
    return any(not each or path == each or path.startswith(each + "/") for each in paths)
