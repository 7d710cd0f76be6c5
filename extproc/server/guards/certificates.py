"""TLS to guards: what their certificates are checked by, what they are shown, and whether the files hold that."""

import ssl
from collections.abc import Iterator, Mapping
from typing import Final, NoReturn

from extproc.detectors.service import GuardCertificates
from extproc.policy import Policy, Unusable, parts_of
from extproc.policy.guards import Guard
from extproc.policy.redis_state import RedisAccess, redis_access
from extproc.policy.secrets import guard_of
from extproc.server.tls import readable

PARTS: Final = ("ca", "cert", "key")
"""The files of a guard's TLS."""


def client_context(certificates: GuardCertificates) -> ssl.SSLContext:
    """Return how a service's certificate is checked, and what it is shown.

    Raises:
        ssl.SSLError: the files hold no certificates or no key, or these do not belong together.
        ValueError: a file is no text, or the key needs a password.
    """
    ca = None if certificates.ca is None else certificates.ca.decode("ascii")
    context = ssl.create_default_context(cadata=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificates.cert is not None and certificates.key is not None:
        with readable(certificates.cert) as cert, readable(certificates.key) as key:
            context.load_cert_chain(cert, key, password=_no_password)
    return context


def unusable_certificates(policy: Policy, read: Mapping[str, bytes]) -> Iterator[Unusable]:
    """Yield the files of TLS that cannot be used. `read`: what was read of them; see `policy.secrets`."""
    yield from _unusable_redis(redis_access(policy.state.redis, read))
    for placed in parts_of(policy).steps:
        step = placed.step
        if not isinstance(step, Guard) or step.tls is None:
            continue
        ca, cert, key = (read.get(guard_of(placed.pipeline, placed.side, step.name, each)) for each in PARTS)
        if ca is not None and not usable(GuardCertificates("", ca)):
            message = f"the file {step.tls.ca} holds no certificate of an authority"
            yield Unusable((*placed.where, "tls", "ca"), message, "name a PEM file with the guard's authority")
        if cert is not None and key is not None and not usable(GuardCertificates("", None, cert, key)):
            message = (
                f"{step.tls.cert} and {step.tls.key} are no pair of certificate and key, or the key has a password"
            )
            yield Unusable(
                (*placed.where, "tls", "cert"), message, "name a certificate and its key, without a password"
            )


def _unusable_redis(access: RedisAccess | None) -> Iterator[Unusable]:
    """Yield the files of the TLS to a Redis that cannot be used."""
    if access is None or access.state.tls is None:
        return
    tls, where = access.state.tls, ("state", "redis", "tls")
    if access.ca is not None and not usable(GuardCertificates("", access.ca)):
        yield Unusable(
            (*where, "ca"), f"the file {tls.ca} holds no certificate of an authority", "name a PEM file of one"
        )
    if access.cert is not None and not usable(GuardCertificates("", None, access.cert, access.key)):
        message = f"{tls.cert} and {tls.key} are no pair of certificate and key, or the key has a password"
        yield Unusable((*where, "cert"), message, "name a certificate and its key, without a password")


def usable(certificates: GuardCertificates) -> bool:
    """True if a context can be made of them."""
    try:
        client_context(certificates)
    except (ssl.SSLError, ValueError):
        return False
    return True


def _no_password() -> NoReturn:
    # Without this the library would ask at the terminal.
    raise ValueError
