"""Keys that open a crypto wallet, and the words that one is made from."""

from typing import Final

from extproc.detectors.coins import ADDRESS_END, base58check, bech32
from extproc.detectors.secrets.likelihood import random
from extproc.matching.rule import Rule

_BASE58: Final = "[1-9A-HJ-NP-Za-km-z]"
_PRIVATE: Final = frozenset({b"\x80", b"\xef", b"\x9e", b"\xb0", b"\xcc", b"\x04"})
"""First bytes: keys of Bitcoin, its test networks, Dogecoin, Litecoin, Dash; extended private keys."""

_PHRASES: Final = frozenset({12, 15, 18, 21, 24})
"""Words of a phrase (BIP 39)."""


def _key(text: str) -> bool:
    if text.lower().startswith("nsec1"):
        return bech32(text)
    raw = base58check(text)
    return raw is not None and raw[:1] in _PRIVATE


def _phrase(text: str) -> bool:
    found = text.split()
    return len(found) in _PHRASES and len(set(found)) > len(found) // 2


RULES = (
    Rule(
        kind="wallet-key",
        pattern=rf"[59KLQTc67]{_BASE58}{{50,51}}|[xyzt]prv{_BASE58}{{107}}|nsec1[02-9ac-hj-np-z]{{58}}",
        sign=ADDRESS_END,
        validator=_key,
        score=1.0,
        hits=(
            "WIF «L221ee7CBoiCsfCzEVhKLyXNNGdWS8A4U4UpwU5hqBjXPeVa6Dav»",
            "«nsec1m63mv6mfzp606m2a0cmgahq7qzy5sy29xm75fhtye680su3mjrus0s96e6»",
        ),
        misses=("L221ee7CBoiCsfCzEVhKLyXNNGdWS8A4U4UpwU5hqBjXPeVa6Daw",),
    ),
    Rule(
        kind="wallet-key",
        name="wallet-key-hexadecimal",
        pattern=r"(?:private|priv|signing|signer|deployer)[ _-]{0,2}key[^\n]{0,24}?(?:0x)?([0-9a-f]{64})",
        sign=r"(?:private|priv|signing|signer|deployer)[ _-]{0,2}key",
        fold=True,
        before="",
        group=1,
        validator=lambda text: random(text, 2.5),
        score=0.8,
        hits=("PRIVATE_KEY=0x«669458c4b7951cab5bc2635ce2a3d371112b2c30181d0585b93d3d81159645f8»",),
        misses=("private key 0x" + "0" * 64, "a private key of 64 hexadecimal digits"),
    ),
    Rule(
        kind="wallet-phrase",
        pattern=r"(?:seed|recovery|mnemonic|backup|secret)(?: recovery)?[ _]?(?:phrase|words)?[\"']?"
        r"(?: is|:|=| =)\s{1,4}[\"']?"
        r"((?:[a-z]{3,8} ){11,23}[a-z]{3,8})",
        sign=r"(?:phrase|words|mnemonic|seed)[\"']?(?: is|:|=| =)\s",
        after=r"[:alnum:] ",
        fold=True,
        group=1,
        validator=_phrase,
        score=0.8,
        hits=(
            "seed phrase: «abandon ripple cactus minor velvet orbit lunar garden spice hockey brave tunnel».",
            "My recovery phrase is «acid ripple cactus minor velvet orbit lunar garden spice hockey brave tunnel»",
        ),
        misses=("the recovery phrase is twelve words long", "seed: 42", "mnemonic: the word that stands for it"),
    ),
)
