"""A backend's URL, taken apart and checked: what may stand in it ends up in requests, so nothing odd may."""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Annotated, Final, Literal

from pydantic import AfterValidator

from extproc.policy.base import Written, refusal

URL_MAX: Final = 2048
"""Longer than any base URL; the path is prepended to every request of the backend."""

_URL: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>/[^?#]*)?(?P<rest>[?#].*)?", re.DOTALL
)
_AUTHORITY: Final = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]]*)(?::(?P<port>[0-9]{1,5}))?", re.ASCII)
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
# Underscores are no host names by the RFC, but docker compose makes such names.
_DNS: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*\.?", re.ASCII)
_PATH: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*", re.ASCII)  # RFC 3986 3.3
_PORTS: Final = {"http": 80, "https": 443}
_EXAMPLE: Final = "write it like https://api.openai.com/v1"


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a backend. `host` has no brackets; `prefix` is empty or starts, but does not end, with a slash."""

    scheme: Literal["http", "https"]
    host: str
    port: int
    prefix: str

    @property
    def secure(self) -> bool:
        """True if the backend is spoken to over TLS."""
        return self.scheme == "https"

    @property
    def numeric(self) -> bool:
        """True if the host is an IP address, so that nothing is to be looked up and no SNI sent."""
        return is_ip(self.host)

    @property
    def authority(self) -> str:
        """The value of `:authority`: the host, and the port where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def is_ip(host: str) -> bool:
    """True if a host is written as an IP address."""
    try:
        IPv6Address(host) if ":" in host else IPv4Address(host)
    except AddressValueError:
        return False
    return True


def is_dns_name(host: str) -> bool:
    """True if a host is written as a DNS name that a certificate or a resolver can hold."""
    return _DNS.fullmatch(host) is not None


def parse(url: str) -> Address:
    """Take a URL apart. Raises a refusal that never quotes the URL: someone may have put a password into it."""
    found = _URL.fullmatch(url) if len(url) <= URL_MAX else None
    if found is None:
        raise refusal(f"this is not a URL of at most {URL_MAX} characters", _EXAMPLE)
    scheme = found["scheme"].lower()
    if scheme not in _PORTS:
        raise refusal("a backend is reached over http or https", _EXAMPLE)
    if "@" in found["authority"]:
        raise refusal("a URL holds no user or password here", "delete them and use `credential`")
    if found["rest"]:
        raise refusal("a backend's URL has no query and no fragment", "delete what follows the path")
    host, port = _authority(found["authority"], _PORTS[scheme])
    return Address("https" if scheme == "https" else "http", host, port, _prefix(found["path"] or ""))


def _authority(text: str, usual: int) -> tuple[str, int]:
    found = _AUTHORITY.fullmatch(text)
    host = found["host"].lower() if found else ""
    if found is None or not _is_host(host):
        raise refusal("the URL's host is not a DNS name or an IP address", _EXAMPLE)
    port = int(found["port"] or usual)
    if not 1 <= port <= 65535:
        raise refusal("the URL's port is not between 1 and 65535", "write the port after the host, such as :8000")
    return host.strip("[]"), port


def _is_host(host: str) -> bool:
    if host.startswith("["):
        return is_ip(host.strip("[]")) and ":" in host
    if re.fullmatch(r"[0-9.]+", host):  # 127.1 or 300.0.0.1: a resolver may read an address into it
        return is_ip(host)
    return is_dns_name(host)


def _prefix(path: str) -> str:
    prefix = path.rstrip("/")
    if _PATH.fullmatch(prefix) is None:
        raise refusal("the URL's path holds characters that no path has", "percent-encode them, or copy the URL again")
    if "//" in prefix or any(step in {".", ".."} for step in prefix.split("/")):
        raise refusal("the URL's path has empty or dot steps", "write the plain path, such as /openai/v1")
    return prefix


def _checked(url: str) -> str:
    parse(url)
    return url


Url = Annotated[str, AfterValidator(_checked), Written("URL", "https://api.openai.com/v1")]
"""An http or https URL of a backend."""
