"""Checks of the addresses of crypto wallets: each function takes the text of a hit and says whether it checks out."""

import binascii
import hashlib
from base64 import b32decode, urlsafe_b64decode
from typing import Final

ADDRESS_END: Final = "[0-9A-Za-z]{26}[^0-9A-Za-z]"
"""The end of an address of letters and digits, the shortest of which have 26. One gate for all rules of such: a gate
for each of their alphabets takes a pass half as much time again, and one that does not look for the end of a run hits
at each place in it."""

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_RIPPLE: Final = str.maketrans("rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz", _BASE58)
"""The alphabet of XRP's addresses, in the order of the usual one."""
_VALUES: Final = {char: value for value, char in enumerate(_BASE58)}

_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_STEPS: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32_MARKS: Final = (1, 0x2BC830A3)  # BIP 173 and BIP 350
_CASH_STEPS: Final = (0x98F2BC8E61, 0x79B76D99E2, 0xF33E5FB3C4, 0xAE2EABE2A8, 0x1E4F43E470)

_VERSIONS: Final = {
    25: tuple(bytes([version]) for version in (0x00, 0x05, 0x1E, 0x30, 0x32, 0x41, 0x16, 0x6F, 0xC4, 0x4C, 0x10)),
    26: (b"\x1c\xb8", b"\x1c\xbd"),
    27: (b"\x06\xa1\x9f", b"\x06\xa1\xa1", b"\x06\xa1\xa4", b"\x02\x5a\x79"),
    82: (b"\x04\x88\xb2\x1e", b"\x04\x9d\x7c\xb2", b"\x04\xb2\x47\x46", b"\x04\x35\x87\xcf"),
}
"""The first bytes of addresses by their whole length: Bitcoin, Litecoin, Dogecoin, TRON, Dash and Bitcoin's test
networks; Zcash; Tezos; extended public keys, which show all addresses of a wallet."""
_LONGEST: Final = max(_VERSIONS)

_BLOCK: Final = 11
_BLOCK_BITS: Final = {11: 64, 7: 40}
"""Bits of a block of Monero's addresses, by its characters."""
_MONERO: Final = frozenset({18, 19, 42})
"""Their first bytes: standard, integrated and sub-addresses."""


def _number(text: str) -> int:
    value = 0
    for char in text:
        value = value * 58 + _VALUES[char]
    return value


def _decoded(text: str) -> bytes | None:
    """The bytes of a value in base 58: a leading `1` is a zero. None if they are more than those of any address."""
    value = _number(text)
    zeros = len(text) - len(text.lstrip("1"))
    size = (value.bit_length() + 7) // 8
    return bytes(zeros) + value.to_bytes(size, "big") if zeros + size <= _LONGEST else None


def base58check(text: str) -> bytes | None:
    """The bytes of a Base58Check value, or None if its last four, which check the others, are wrong."""
    raw = _decoded(text)
    if raw is None or len(raw) < 5:
        return None
    check = hashlib.sha256(hashlib.sha256(raw[:-4]).digest()).digest()
    return raw if check[:4] == raw[-4:] else None


def base58_address(text: str) -> bool:
    """An address in Base58Check of a chain that is known, XRP's in its own alphabet, or one of Polkadot's (SS58)."""
    raw = base58check(text)
    if raw is not None:
        return raw.startswith(_VERSIONS.get(len(raw), ()))
    if text[0] == "r":
        raw = base58check(text.translate(_RIPPLE))
        return raw is not None and len(raw) == 25 and raw[0] == 0
    return _ss58(text)


def _ss58(text: str) -> bool:
    raw = _decoded(text)
    if raw is None or len(raw) not in {35, 36}:
        return False
    return hashlib.blake2b(b"SS58PRE" + raw[:-2]).digest()[:2] == raw[-2:]


def public_key(text: str) -> bool:
    """True if a value in base 58 is 32 bytes, as Solana's addresses are: nothing checks them."""
    raw = _decoded(text)
    return raw is not None and len(raw) == 32


def monero(text: str) -> bool:
    """True if a value is Monero's blocks of base 58, with a first byte that is known.

    The hash that checks it, Keccak-256, is not in the standard library; one in a thousand random values passes.
    """
    blocks = [text[at : at + _BLOCK] for at in range(0, len(text), _BLOCK)]
    fits = all(_number(block) >> _BLOCK_BITS[len(block)] == 0 for block in blocks)
    return fits and _number(blocks[0]) >> 56 in _MONERO


def bech32(text: str) -> bool:
    """BIP 173 (SegWit v0, Cardano, Cosmos and others) and BIP 350 (v1 and later)."""
    human, _, rest = text.lower().rpartition("1")
    if not human or any(char not in _BECH32 for char in rest):
        return False
    values = [ord(char) >> 5 for char in human] + [0] + [ord(char) & 31 for char in human]
    check = 1
    for value in values + [_BECH32.index(char) for char in rest]:
        top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ value
        for bit, step in enumerate(_BECH32_STEPS):
            check ^= step if top >> bit & 1 else 0
    return check in _BECH32_MARKS


def cash(text: str) -> bool:
    """Bitcoin Cash: the name of the network, a colon, and five bits a character, of which eight check the others."""
    human, _, rest = text.lower().rpartition(":")
    if any(char not in _BECH32 for char in rest):
        return False
    check = 1
    for value in [ord(char) & 31 for char in human] + [0] + [_BECH32.index(char) for char in rest]:
        top, check = check >> 35, (check & 0x07FFFFFFFF) << 5 ^ value
        for bit, step in enumerate(_CASH_STEPS):
            check ^= step if top >> bit & 1 else 0
    return check == 1


def stellar(text: str) -> bool:
    """Stellar's account: base 32 of a version, 32 bytes and CRC-16/XMODEM."""
    raw = b32decode(text)
    return raw[0] == 6 << 3 and binascii.crc_hqx(raw[:-2], 0) == int.from_bytes(raw[-2:], "little")


def ton(text: str) -> bool:
    """TON's address: base 64 of 34 bytes and CRC-16/XMODEM."""
    raw = urlsafe_b64decode(text)
    return binascii.crc_hqx(raw[:-2], 0) == int.from_bytes(raw[-2:], "big")
