"""E-mail addresses in scripts that part no words by spaces (RFC 6531): `张三@例子.中国`.

In a sentence nothing says where such a local part begins. It takes what stands in front of the `@` up to `LOCAL_MOST`
characters, 64 octets of UTF-8 (RFC 5321), or up to one that names do not have. So some of the sentence may be masked
with the address, but nothing of the address stays, and a stream holds back no more than that.
"""

import re
from itertools import pairwise
from typing import Final

from extproc.matching.rule import Rule

LOCAL_MOST: Final = 21
"""Characters of three bytes in 64 octets."""

_RANGES: Final = (
    *((0xE01, 0xE4E), (0xE81, 0xECE), (0xF40, 0xFBC), (0x1000, 0x103F), (0x1100, 0x11FF), (0x1780, 0x17D3)),
    *((0x3005, 0x3007), (0x3041, 0x309F), (0x30A1, 0x30FF), (0x3105, 0x318E), (0x31A0, 0x31FF), (0x3400, 0x4DBF)),
    *((0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0x20000, 0x323AF)),
)
"""Letters of Thai, Lao, Tibetan, Burmese, Khmer, Chinese, Japanese and Korean, which joins endings to names."""

_OF_SENTENCES: Final = "是的了您请請为為给給到发發を"
"""Characters of sentences that names do not have: "is", "of", "you", "please", "to", "send", the mark of an object."""

_TOP_LEVEL: Final = """
    中国 中國 公司 网络 網絡 網路 香港 台湾 台灣 臺灣 澳门 澳門 新加坡 日本 한국 닷컴 닷넷
    みんな コム ストア クラウド グーグル 世界 网址 網址 在线 中文网 商城 商店 网店 网站 集团 政务 公益 机构
    組織機構 组织机构 移动 手机 我爱你 信息 游戏 娱乐 企业 广告 廣告 例子 测试 測試 テスト 테스트 コム ไทย คอม ລາວ
"""
"""Top-level domains in these scripts, and names that stand for one in examples: an address ends with them, whatever
follows."""

_LETTERS = "".join(f"\\x{{{first:x}}}-\\x{{{last:x}}}" for first, last in _RANGES)


def _named() -> str:
    """The contents of a class for the letters of a local part: all but those of sentences."""
    out = sorted(map(ord, _OF_SENTENCES))
    parts: list[str] = []
    for first, last in _RANGES:
        edges = [first - 1, *(point for point in out if first <= point <= last), last + 1]
        parts += [f"\\x{{{low + 1:x}}}-\\x{{{high - 1:x}}}" for low, high in pairwise(edges) if high - low > 1]
    return "".join(parts)


_NAMED = _named()
_OTHER = r"\x{c0}-\x{24f}\x{370}-\x{dff}\x{10a0}-\x{10ff}\x{1200}-\x{139f}\x{1e00}-\x{1fff}"
_KNOWN = re.compile("|".join(sorted(_TOP_LEVEL.split(), key=len, reverse=True)))
_WIDE = re.compile("[{}]".format("".join(f"{chr(first)}-{chr(last)}" for first, last in _RANGES)))

_LABEL = rf"(?:[a-z0-9{_OTHER}][a-z0-9{_OTHER}-]{{0,62}}|[{_LETTERS}][{_LETTERS}0-9-]{{0,20}})\."
_LAST = rf"(?:xn--[a-z0-9-]{{2,40}}|[a-z{_OTHER}]{{2,24}}|[{_LETTERS}]{{2,12}})"


def _end(text: str) -> int:
    """Return where the address ends: behind a top-level domain that is known, or with its last label."""
    start = text.rindex(".") + 1
    known = _KNOWN.match(text, start)
    return len(text) if known is None else known.end()


def _written(text: str) -> bool:
    local, _, domain = text.replace("%40", "@").rpartition("@")
    return _WIDE.search(text) is not None and ".." not in text and local[-1] != "." and not domain.startswith("-")


RULE = Rule(
    kind="email",
    name="email-glued",
    pattern=rf"(?:[\w{_OTHER}](?:[\w.%+'&~#{_OTHER}-]{{0,42}})?)?[{_NAMED}][{_NAMED}\w.+-]{{0,{LOCAL_MOST - 1}}}"
    rf"(?:@|%40)(?:{_LABEL}){{1,4}}{_LAST}"
    rf"|[\w{_OTHER}][\w.%+'&~#{_OTHER}-]{{0,63}}(?:@|%40)(?:{_LABEL}){{1,4}}{_LAST}",
    sign=rf"[{_LETTERS}](?:@|%40)[a-z0-9{_LETTERS}{_OTHER}]|[\w{_OTHER}](?:@|%40)(?:[a-z0-9{_OTHER}-]{{1,20}}\.){{0,2}}[{_LETTERS}]",
    before=rf"\w{_OTHER}",
    after=rf"[:alnum:]{_OTHER}",
    fold=True,
    fit=_end,
    validator=_written,
    # What begins such an address is a guess.
    score=0.9,
    hits=(
        "«张三@例子.中国»",
        "邮箱: «张三@example.com»。",
        "请把报告发给«张三@例子.公司»谢谢",
        "メールは「«花子@例え.テスト»」です",
        "報告書を«二ノ宮@黒川.日本»へ",
        "이메일: «홍길동@예시.한국»입니다",
        "«li@例子.广告»",
        "อีเมล «สมชาย@ตัวอย่าง.ไทย»",
        "<«张.三-li@mail.例子.com»>",
    ),
    misses=(
        "感谢@人民日报的报道",
        "感谢@人民日报。谢谢",
        "张三@例子",
        "li@example.cn",
        "价格@3.50元",
    ),
)
