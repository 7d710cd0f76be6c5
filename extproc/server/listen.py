"""Where a worker listens: a Unix socket or a TCP port, and the neighbouring one for each further worker."""

from typing import Final

from msgspec import Struct

from extproc.server.errors import ServeError

UNIX_PATH_MAX: Final = 107
"""Bytes of a Unix socket's path: `sun_path` holds 108 on Linux, the last of them NUL (unix(7))."""

PORT_MAX: Final = 65535

_FORMS: Final = "write unix:/run/extproc.sock or host:port, such as 127.0.0.1:9000 or [::1]:9000"


class Unix(Struct, frozen=True, tag=True):
    """A Unix socket."""

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"

    def sibling(self, index: int) -> "Unix":
        """The socket of worker `index`: `PATH`, `PATH.1`, `PATH.2` ... Raises ServeError."""
        return _unix(f"{self.path}.{index}" if index else self.path)


class Tcp(Struct, frozen=True, tag=True):
    """A TCP port; 0 lets the system choose. `host` stands without the brackets of an IPv6 address."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def sibling(self, index: int) -> "Tcp":
        """The port of worker `index`: port, port + 1 ..., or one that the system chooses. Raises ServeError."""
        if self.port and self.port + index > PORT_MAX:
            raise ServeError(f"{self}: worker {index} would need port {self.port + index}; choose a lower port")
        return Tcp(self.host, self.port + index) if self.port else self


Listen = Unix | Tcp


def parse(text: str) -> Listen:
    """The address that `text` names. Raises ServeError."""
    if text.startswith("unix:"):
        return _unix(text.removeprefix("unix:"))
    host, _, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if bracketed else host
    if not host or (":" in host) is not bracketed or not (port.isascii() and port.isdigit() and len(port) <= 5):
        raise ServeError(f"{text!r} is not an address; {_FORMS}")
    if int(port) > PORT_MAX:
        raise ServeError(f"{text!r}: a port is at most {PORT_MAX}")
    return Tcp(host, int(port))


def _unix(path: str) -> Unix:
    if not path or "\0" in path:
        raise ServeError(f"a Unix socket needs a path; {_FORMS}")
    size = len(path.encode())
    if size > UNIX_PATH_MAX:
        raise ServeError(f"the socket path {path} has {size} bytes, but the system takes {UNIX_PATH_MAX}; shorten it")
    return Unix(path)
