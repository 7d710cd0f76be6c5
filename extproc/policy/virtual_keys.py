"""Virtual keys: the file that holds them, one JSON line each, and the index by which a shown key is found.

The file holds hashes only. A key is 256 random bits, so nobody can try them all out: one fast hash is enough, and its
value is what the index is asked for. How long a look-up takes depends on the hash, which nobody can choose.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from extproc.policy.names import MODEL_NAME_MAX
from extproc.policy.tenants import is_tenant

KEY_PREFIX: Final = "sk-extproc-"
"""The beginning of every key that `extproc key new` makes, by which scanners for leaked secrets know it."""

SECRET_BYTES: Final = 32
"""Random bytes of a key."""

SHOWN_MAX: Final = 512
"""Bytes of a key that is looked up: ours have 54. A longer one is unknown without being hashed."""

KEYS_MAX: Final = 100_000
"""Keys of a file: read in half a second, and 60 MB in each worker."""

KEY_FILE_MAX: Final = 64 << 20
"""Bytes of a file of keys: 100,000 keys with the longest names that are usual."""

LINE_MAX: Final = 64 * 1024
"""Bytes of one line."""

MODELS_MAX: Final = 256
"""Models of one key; a longer list belongs to the tenant."""

BUDGETS_MAX: Final = 64
"""Limits of budgets of one key."""

LABEL_MAX: Final = 256
"""Characters of a label."""

_HASH: Final = "sha256:"

KeyId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
Moment = Annotated[datetime, Meta(tz=True)]


class VirtualKey(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A line of the file. `id` names the key in logs; `hash` is that of the key, as `hash_of` writes it.

    `models`: the names that the key may ask for, None for all that its tenant may. `budgets`: the key's own limits of
    budgets, by the budget's name. Times are moments with a time zone. `label`: the operator's own note.
    """

    id: KeyId
    hash: Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}\Z")]
    tenant: str
    created: Moment
    models: (
        Annotated[
            tuple[Annotated[str, Meta(min_length=1, max_length=MODEL_NAME_MAX)], ...], Meta(max_length=MODELS_MAX)
        ]
        | None
    ) = None
    budgets: Annotated[Mapping[str, Annotated[float, Meta(ge=0)]], Meta(max_length=BUDGETS_MAX)] = {}
    expires: Moment | None = None
    revoked: Moment | None = None
    label: Annotated[str, Meta(max_length=LABEL_MAX)] = ""

    def expired(self, at: float | None) -> bool:
        """True if the key is no longer good at a time, in seconds since 1970; so it is where nobody knows the time."""
        return self.expires is not None and (at is None or at >= self.expires.timestamp())

    def __repr__(self) -> str:
        return f"VirtualKey({self.id})"


class KeyFileError(ValueError):
    """A file of keys is wrong. The text says where, and quotes nothing of the line; the mend how to fix it."""

    def __init__(self, message: str, mend: str) -> None:
        super().__init__(message)
        self.mend = mend


class KeyRing:
    """The keys of a file, by their hashes."""

    __slots__ = ("_by_hash",)

    def __init__(self, keys: Iterable[VirtualKey] = ()) -> None:
        self._by_hash = {bytes.fromhex(each.hash[len(_HASH) :]): each for each in keys}

    def find(self, shown: bytes) -> VirtualKey | None:
        """Return the key that a client shows; None if there is none."""
        return None if len(shown) > SHOWN_MAX else self._by_hash.get(sha256(shown).digest())

    def __len__(self) -> int:
        return len(self._by_hash)

    @property
    def keys(self) -> Iterable[VirtualKey]:
        """All keys, in the order of the file."""
        return self._by_hash.values()

    def __repr__(self) -> str:
        return f"KeyRing({len(self)} keys)"


def hash_of(key: str) -> str:
    """Return the hash of a key, as the file holds it."""
    return _HASH + sha256(key.encode()).hexdigest()


def written(keys: Iterable[VirtualKey]) -> bytes:
    """Return the text of a file of these keys."""
    return b"".join(_ENCODER.encode(each) + b"\n" for each in keys)


def read_keys(text: bytes) -> KeyRing:
    """Return the keys of a file. Raises KeyFileError for the first line that is wrong."""
    keys: list[VirtualKey] = []
    ids: set[str] = set()
    hashes: set[str] = set()
    for number, line in enumerate(text.split(b"\n"), 1):
        if not line.strip():
            continue
        key = _read(line, number)
        if key.id in ids or key.hash in hashes:
            what = "id" if key.id in ids else "hash"
            raise KeyFileError(f"line {number}: another line has the same {what}", "delete one of the two lines")
        ids.add(key.id)
        hashes.add(key.hash)
        keys.append(key)
        if len(keys) > KEYS_MAX:
            raise KeyFileError(f"line {number}: there are more than {KEYS_MAX} keys", "delete keys that have expired")
    return KeyRing(keys)


_DECODER: Final = msgspec.json.Decoder(VirtualKey)
_ENCODER: Final = msgspec.json.Encoder()
_MEND: Final = "let `extproc key` write the file, or restore the line"


def _read(line: bytes, number: int) -> VirtualKey:
    if len(line) > LINE_MAX:
        raise KeyFileError(f"line {number}: it has more than {LINE_MAX} bytes", _MEND)
    try:
        key = _DECODER.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise KeyFileError(f"line {number}: {_fault(error)}", _MEND) from None
    if not is_tenant(key.tenant):
        raise KeyFileError(f"line {number}: this is not the name of a tenant", _MEND)
    if not "".join((key.label, *(key.models or ()), *key.budgets)).isprintable():
        raise KeyFileError(f"line {number}: a name or the label has a character that cannot be printed", _MEND)
    return key


def _fault(error: Exception) -> str:
    """Return what is wrong with a line: what msgspec says of its fields, which quotes no value."""
    if not isinstance(error, msgspec.ValidationError):
        return "it is not JSON in UTF-8"
    # Of a field that is unknown it quotes the name, and that might be a key in the wrong place.
    return "it has a field that keys do not have" if "unknown field" in str(error) else str(error)
