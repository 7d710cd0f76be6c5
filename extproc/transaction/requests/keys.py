"""The virtual key that a client shows, and what it may ask for."""

from typing import Final

from extproc.policy.problems import Unusable
from extproc.policy.tenants import KEY_FIELDS, Tenants
from extproc.policy.virtual_keys import KeyFileError, KeyRing, VirtualKey, read_keys
from extproc.protocol.errors import ClientError
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Headers
from extproc.routing.table import Table
from extproc.signals.view import Circumstances

AUTHORIZATION: Final = KEY_FIELDS[0]
_BEARER: Final = b"bearer "
_FIELDS: Final = frozenset(KEY_FIELDS)


def ring_of(tenants: Tenants | None, text: bytes | None, wrong: list[Unusable]) -> KeyRing | None:
    """Return the keys of a policy, whose file holds `text`; None if it has no such file. `wrong` gets what is wrong."""
    if tenants is None or tenants.source.keys is None:
        return None
    try:
        return read_keys(text or b"")
    except KeyFileError as error:
        where = ("tenants", "from", "keys")
        wrong.append(Unusable(where, f"the file {tenants.source.keys} is wrong: {error}", error.mend))
        return KeyRing()


def shown_key(ring: KeyRing, fields: HeaderMap, *, required: bool) -> VirtualKey | None:
    """Return the key that a request shows, good or not; None if it shows none and none is `required`.

    Raises:
        ClientError: it shows none and needs one (401), one that does not exist (401), or two different ones (400).
    """
    shown = {_bare(name, value) for name, value in fields if name in _FIELDS}
    if not shown:
        if required:
            message = (
                "No API key was sent. Send the key that the gateway gave you, as Authorization: Bearer or x-api-key."
            )
            raise ClientError(401, "key_required", message)
        return None
    if len(shown) > 1:
        # One of them might be another client's, or a provider's: which one counts is nobody's guess.
        raise ClientError(400, "key_unclear", "The request shows two different API keys; send one.")
    found = ring.find(shown.pop())
    if found is None:
        raise ClientError(401, "key_unknown", "The gateway does not know this API key.")
    return found


def check_good(key: VirtualKey, at: float | None) -> None:
    """Raise ClientError (401) if a key is not good at a time, in seconds since 1970."""
    if key.revoked is not None:
        raise ClientError(401, "key_revoked", "This API key was revoked.")
    if key.expired(at):
        raise ClientError(401, "key_expired", "This API key has expired.")


def without_keys(message: Headers) -> Headers:
    """Return headers without the fields that show keys, so that nothing after this can read one."""
    kept = [each for each in message.fields if each[0] not in _FIELDS]
    if len(kept) == len(message.fields):
        return message
    # By position: names would cost each request a microsecond.
    return Headers(message.side, HeaderMap(kept), message.end, message.attributes, message.config, message.metadata)


def may_ask(table: Table, caller: Circumstances, model: str) -> bool:
    """True if who is calling may ask for a model: its tenant may, and so may its key."""
    key = caller.shown
    return (key is None or key.models is None or model in key.models) and table.permits(caller.tenant, model)


def _bare(name: str, value: bytes) -> bytes:
    """Return the key in a field; `authorization` without `Bearer`, or whole where it holds something else."""
    if name == AUTHORIZATION and value[: len(_BEARER)].lower() == _BEARER:
        value = value[len(_BEARER) :]
    return value.strip()
