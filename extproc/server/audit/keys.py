"""The keys of the audit record: whether those that a policy names can be used here."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from extproc.policy import Policy, Unusable
from extproc.policy.secrets import AUDIT
from extproc.telemetry.audit.bodies import BodyCipher
from extproc.telemetry.audit.signing import AuditKeyError, Signer, installed

_READ: Final[Mapping[str, tuple[Callable[[bytes], object], str, str]]] = {
    "sign": (Signer.read, "signing the audit record", "make one with `extproc audit keygen`"),
    "encrypt": (BodyCipher.read, "encrypting bodies", "write the output of `openssl rand -hex 32` into the file"),
}


def unusable_keys(policy: Policy, read: Mapping[str, bytes]) -> Iterator[Unusable]:
    """Yield the keys that cannot be used. `read`: what was read of them; see `policy.secrets`."""
    if policy.audit is None:
        return
    for name, (reader, purpose, mend) in _READ.items():
        if getattr(policy.audit, name) is None:
            continue
        if not installed():
            message = f"{purpose} needs the package cryptography, which is not installed"
            yield Unusable(("audit", name), message, "install the extra `audit`")
        elif (held := read.get(AUDIT + name)) is not None:
            try:
                reader(held)
            except AuditKeyError as error:
                yield Unusable(("audit", name), str(error), mend)
