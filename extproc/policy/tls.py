"""TLS to a backend."""

from typing import Annotated, Final

from pydantic import AfterValidator, Field

from extproc.policy.address import is_dns_name, is_ip
from extproc.policy.base import Value, Written, refusal
from extproc.policy.paths import FilePath

SANS_MAX: Final = 32
"""More names than any one provider's certificate is known by; bounds the generated configuration."""


def _host_name(name: str) -> str:
    if not is_dns_name(name) or is_ip(name):
        raise refusal("this is not a DNS name", "write the name in the server's certificate, such as api.openai.com")
    return name.lower()


def _san(name: str) -> str:
    if "*" in name:
        raise refusal("names are matched exactly, without wildcards", "write the whole name")
    if not is_dns_name(name) and not (name.isascii() and name.isprintable() and "://" in name and " " not in name):
        raise refusal(
            "this is neither a DNS name nor a URI", "write a name such as api.openai.com or spiffe://corp/llm"
        )
    return name


HostName = Annotated[str, AfterValidator(_host_name), Written("DNS name", "api.openai.com")]
CertificateName = Annotated[str, AfterValidator(_san), Written("DNS name or URI", "spiffe://corp/llm")]


class Tls(Value):
    """Checks of a backend's certificate. It is always checked: there is no way to switch that off."""

    sni: HostName | None = None
    """Server name to ask for; the URL's host unless that is an IP address."""
    ca: Annotated[FilePath, Written("path", "corporate-proxy.pem")] | None = None
    """PEM file of the authorities to trust instead of the system's; read by Envoy."""
    sans: Annotated[tuple[CertificateName, ...], Field(max_length=SANS_MAX)] = ()
    """Exact names (DNS or URI) of which the certificate must hold one; without any, the `sni`."""
