"""The address of a worker: a Unix socket or a TCP port, and the neighbouring one for each further worker.

Three hosts mean the same wherever they are written. `localhost` is 127.0.0.1, and ::1 where the machine has IPv6;
`0.0.0.0` is every IPv4 address of the machine; `[::]` is every address, of IPv4 and of IPv6.
"""

from ipaddress import IPv6Address, ip_address
from typing import Final

from msgspec import Struct

from extproc.protocol.errors import ServeError

UNIX_PATH_MAX: Final = 107
"""Bytes of a Unix socket's path: `sun_path` holds 108 on Linux, the last of them NUL (unix(7))."""

PORT_MAX: Final = 65535

LOCALHOST: Final = "localhost"
LOOPBACK: Final = "127.0.0.1"
LOOPBACKS: Final = (LOOPBACK, "::1")
"""The addresses of `localhost`, whatever the machine's list of hosts has: some have one of them, some both."""
EVERY_ADDRESS: Final = "::"
WILDCARDS: Final = ("0.0.0.0", EVERY_ADDRESS)  # noqa: S104  - compared with, not bound to
"""Hosts at which a listener hears all that reach the machine. Nobody can be reached there."""

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

    @property
    def loopback(self) -> bool:
        """True if only programs of this machine reach the address. A name may come to mean anything but `localhost`."""
        if is_localhost(self.host):
            return True
        try:
            address = ip_address(self.host)
        except ValueError:
            return False
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return (mapped or address).is_loopback

    def sibling(self, index: int) -> "Tcp":
        """The port of worker `index`: port, port + 1 ..., or one that the system chooses. Raises ServeError."""
        if self.port and self.port + index > PORT_MAX:
            raise ServeError(f"{self}: worker {index} would need port {self.port + index}; choose a lower port")
        return Tcp(self.host, self.port + index) if self.port else self


Listen = Unix | Tcp


def is_localhost(host: str) -> bool:
    """True for the name of this very machine (RFC 6761, 6.3)."""
    return host.lower().removesuffix(".") == LOCALHOST


def local_address(host: str) -> str:
    """The address at which to reach a listener on this machine that was given `host`."""
    return LOOPBACK if host in WILDCARDS else host


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
