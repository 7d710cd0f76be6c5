"""Addresses of crypto wallets: most chains check them; of the others, a word beside them tells."""

from typing import Final

from extproc.detectors.coins import (
    ADDRESS_END,
    base58_address,
    bech32,
    cash,
    monero,
    public_key,
    stellar,
    ton,
)
from extproc.detectors.pii.words import expressions
from extproc.matching.rule import Rule

_BASE58: Final = "[1-9A-HJ-NP-Za-km-z]"
_BECH32: Final = "[02-9ac-hj-np-z]"

_NO_ADDRESSES: Final = frozenset({"npub", "note", "nevent", "nprofile", "naddr", "nsec", "age", "tor"})
"""Bech32 of something else: Nostr's and age's keys."""

_FEWEST_SIGNS: Final = 5
"""Different characters of an address: fewer are a zero, or what stands for one."""


def _mixed(text: str) -> bool:
    return any(map(str.isupper, text)) and any(map(str.islower, text)) and sum(map(str.isdigit, text)) >= 3


def _varied(text: str) -> bool:
    return len(set(text)) >= _FEWEST_SIGNS


def _bech32(text: str) -> bool:
    return text.lower().partition("1")[0] not in _NO_ADDRESSES and bech32(text)


def _named(text: str) -> bool:
    """True if what a word speaks of has the form of an address: nothing checks it, or nothing that is worth it."""
    if text.startswith(("0x", "0X", "f1", "f3")) or len(text) == 58:
        return _varied(text)
    if text.startswith(("q", "p")) and text.islower() and len(text) == 42:
        return cash(f"bitcoincash:{text}")
    return _mixed(text) and (text[0] in "13" or public_key(text))


RULES = (
    Rule(
        kind="crypto_wallet",
        name="crypto-base58",
        pattern=rf"[123579ADKLMTXmnrt]{_BASE58}{{25,35}}|[1C-J5]{_BASE58}{{46,47}}",
        sign=ADDRESS_END,
        validator=base58_address,
        score=1.0,
        hits=(
            "«16Yeky6GMjeNkAiNcBY7ZhrLoMSgg1BoyZ»",
            "to «3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy».",
            "XRP «rwxfxpabfJf1QhoiFK3m7zrYJZAXC4FAD3»",
            "Dash «XbE6KjXMNznfBYtHBcZ5znMJ5LZJtasgWJ», Zcash «t1NWVPWES5obEvGqzkkN4L3swUUMsgUtoex»",
            "testnet «msnm51wNV1iSuHmkkWa5aUbzrcJhSMUiwL»",
            "«TF5avGtUHyDe9zsLF3E7ffxEGRJh1HCJmj» and «DMpg7jFKnJmmXT4P2cGVtnxg6msbCAeg8R»",
            "«tz1hGmsjY11B551BRX4XJ4zLnbhttL6pLJga» or «KT1KCrSWvxFfwZDoC4oVVE6Z9WSNTJCRV6Ga»",
            "Polkadot «12Fs2aqFvsutHdkQk38Tr9FMye3XPCYNwu2YeC6yFnQsCfqh»",
        ),
        misses=(
            "16Yeky6GMjeNkAiNcBY7ZhrLoMSgg1BoyZ2",
            "16Yeky6GMjeNkAiNcBY7ZhrLoMSgg1Boyz and more",
            "rwxfxpabfJf1QhoiFK3m7zrYJZAXC4FAD4",
            "12Fs2aqFvsutHdkQk38Tr9FMye3XPCYNwu2YeC6yFnQsCfqi",
        ),
    ),
    Rule(
        kind="crypto_wallet",
        name="crypto-public-key",
        pattern=rf"[xyzt]pub{_BASE58}{{107}}",
        sign=rf"[xyzt]pub{_BASE58}{{8}}",
        validator=base58_address,
        score=1.0,
        hits=(
            "«xpubAsVuKr8Pq21xHXE46TwydAuEGyNwnV9FSd3PEDRdB919F6Kax4ZHMAmLWGPJUe6v47vEVgnfuP5MorUidorCfXN536Dcs8XVQYSvyRgm8Yg»",
        ),
        misses=(
            "xpubAsVuKr8Pq21xHXE46TwydAuEGyNwnV9FSd3PEDRdB919F6Kax4ZHMAmLWGPJUe6v47vEVgnfuP5MorUidorCfXN536Dcs8XVQYSvyRgm8Yh",
        ),
    ),
    Rule(
        kind="crypto_wallet",
        name="crypto-monero",
        pattern=rf"[48][1-9AB]{_BASE58}{{93}}(?:{_BASE58}{{11}})?",
        sign=ADDRESS_END,
        validator=monero,
        score=0.95,
        hits=(
            "donate «49iFEUB4FbzSq2KZKEfDqcRedBs7ruCkE2id7VT6zkTG7CyVitwQP4jKxu4WpoTUCS1UdHDAG5e4mT7fPv4sDumeQyxa66W»",
        ),
        misses=(
            "4ziFEUB4FbzSq2KZKEfDqcRedBs7ruCkE2id7VT6zkTG7CyVitwQP4jKxu4WpoTUCS1UdHDAG5e4mT7fPv4sDumeQyxa66W",
            "49iFEUB4FbzSq2KZKEfDqcRedBs7ruCkE2id7VT6zkTG7CyVitwQP4jKxu4WpoTUCS1UdHDAG5e4mT7fPv4sDumeQyxa66",
        ),
    ),
    Rule(
        kind="crypto_wallet",
        name="crypto-bech32",
        pattern=rf"(?:bc|tb|bcrt|t?ltc)1{_BECH32}{{11,71}}|[a-z]{{2,20}}(?:_test)?1{_BECH32}{{38,110}}",
        sign=rf"(?:bc|tb|bcrt|ltc)1{_BECH32}{{11}}|[a-z]1{_BECH32}{{24}}",
        fold=True,
        validator=_bech32,
        score=1.0,
        hits=(
            "«bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq»",
            "«cosmos1s2mzxqxlpw5rv4q2kq65rgjjah0egplfec4vyg»",
            "«addr14cq0ldxp900pntlje5pfgtz4pukycpnhr6dqnnyxwws8cjzs0skchgyu4es0wtv0kgrn5vx0d798yeqpgkpffvwsxr7qqyqkg5»",
            "«ltc1h7zqvp0jrtcn2pmq7vhmuth0vn53dml76275pm»",
        ),
        misses=(
            "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdx",
            "bc1b",
            "npub1fp44mw77vnlugzc0suscmvzjdweg8j4yk78r6c4lwlf36squz4js35a9lj",
        ),
    ),
    Rule(
        kind="crypto_wallet",
        name="crypto-ethereum",
        pattern=r"0x[0-9a-f]{40}",
        fold=True,
        validator=_varied,
        hits=("«0x52908400098527886E0F7030069857D2E4169EE7»",),
        misses=(
            "0x52908400098527886E0F7030069857D2E4169EE",
            "0x52908400098527886E0F7030069857D2E4169EE71",
            "0x0000000000000000000000000000000000000000",
        ),
    ),
    Rule(
        kind="crypto_wallet",
        name="crypto-cash",
        pattern=rf"(?:bitcoincash|bchtest|ecash):[qp]{_BECH32}{{41}}",
        sign="(?:bitcoincash|bchtest|ecash):[qp]",
        fold=True,
        validator=cash,
        score=1.0,
        hits=("«bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a»",),
        misses=("bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6q", "bitcoincash:query"),
    ),
    Rule(
        kind="crypto_wallet",
        name="crypto-stellar",
        pattern="G[A-Z2-7]{55}",
        sign=ADDRESS_END,
        validator=stellar,
        score=1.0,
        hits=("«GCYIL7SJLLJJ2B6AFL5BCTYXFKIHA4JLYQXBTII3CGNIAZXE7OMBW5U3»",),
        misses=("GCYIL7SJLLJJ2B6AFL5BCTYXFKIHA4JLYQXBTII3CGNIAZXE7OMBW5U4",),
    ),
    Rule(
        kind="crypto_wallet",
        name="crypto-ton",
        pattern=r"[EUk0][Qf][\w-]{46}",
        validator=ton,
        score=1.0,
        hits=("TON «EQBctLnYs5x4ShqN8mKqihsRHURC9QXvUgQVS-nY7nBVr6pP»",),
        misses=("EQBctLnYs5x4ShqN8mKqihsRHURC9QXvUgQVS-nY7nBVr6pQ",),
    ),
    Rule(
        kind="crypto_wallet",
        name="crypto-spoken-of",
        pattern=rf"{_BASE58}{{32,44}}|[13]{_BASE58}{{25,34}}|0[xX](?:[0-9a-f]{{64}}|[0-9A-F]{{64}})|[A-Z2-7]{{58}}|"
        rf"[qp]{_BECH32}{{41}}|f[13][a-z2-7]{{39,84}}",
        sign=ADDRESS_END,
        validator=_named,
        context=expressions("crypto_wallet"),
        near=(60, 1),
        named=True,
        score=0.6,
        hits=(
            "the bitcoin address is «12qnjf8FAW2dnQeM6wqmy1gbGtv».",
            "my Solana wallet is «FhQDPaFV6tHZDbHyDnLsnKWkCYJ8vqNhW9qD3dyVRmHt»",
            "sui address «0x8fb23fe2db1e5a4e1b7d4c2a9e6f3057c1d8e2b4a6907f35d1c2e8b9a4f60713»",
            "Algorand wallet: «7ZUECA7HFLZTXENRV24SHLU4AVPUTMTTDUFUBNBD64C73F3UHRTHAIOF6Q»",
            "BCH address «qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a»",
        ),
        misses=(
            "12qnjf8FAW2dnQeM6wqmy1gbGtv and more",
            "address 1234567891234567891234567891",
            "the wallet of AbstractSingletonProxyFactoryBeanImpl2",
            "address 0x0000000000000000000000000000000000000000000000000000000000000000",
        ),
    ),
    Rule(
        kind="crypto_wallet",
        name="crypto-alone",
        pattern=rf"[13]{_BASE58}{{25,34}}",
        sign=ADDRESS_END,
        validator=_mixed,
        context=expressions("crypto_wallet"),
        near=(60, 1),
        alone=True,
        # Nothing but its form tells it, and its check is wrong.
        score=0.4,
        hits=("«16Yeky6GMjeNkAiNcBY7ZhrLoMSgg1Boyz»",),
        misses=("16Yeky6GMjeNkAiNcBY7ZhrLoMSgg1Boyz and more", "1234567891234567891234567891"),
    ),
)
