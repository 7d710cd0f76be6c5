"""Attacks in the ways in which they are hidden."""

import base64
import codecs
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

LEET: Final = str.maketrans("oieast", "013457")
ALIKE: Final = str.maketrans("aeopcxi", "аеорсхі")

RENDERINGS: Final[dict[str, Callable[[str], str]]] = {
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 twice": lambda text: base64.b64encode(base64.b64encode(text.encode())).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base32": lambda text: base64.b32encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "hex with blanks": lambda text: text.encode().hex(" "),
    "hex escapes": lambda text: "".join(f"\\x{each:02x}" for each in text.encode()),
    "percent": lambda text: "".join(f"%{each:02x}" for each in text.encode()),
    "query": quote,
    "escapes": lambda text: "".join(f"\\u{ord(each):04x}" for each in text),
    "entities": lambda text: "".join(f"&#{ord(each)};" for each in text),
    "binary": lambda text: " ".join(f"{each:08b}" for each in text.encode()),
    "decimal": lambda text: " ".join(str(each) for each in text.encode()),
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "reversed": lambda text: text[::-1],
    "words reversed": lambda text: " ".join(word[::-1] for word in text.split()),
    "zero width": "\u200b".join,
    "tags": lambda text: "hello " + "".join(chr(0xE0000 + ord(each)) for each in text),
    "selectors": lambda text: (
        "a" + "".join(chr(0xFE00 + each if each < 16 else 0xE00F0 + each) for each in text.encode())
    ),
    "look-alikes": lambda text: text.translate(ALIKE),
    "full width": lambda text: "".join(chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in text),
    "bold": lambda text: "".join(chr(0x1D41A + ord(each) - 97) if "a" <= each <= "z" else each for each in text),
    "leetspeak": lambda text: text.lower().translate(LEET),
    "letters apart": lambda text: "  ".join(" ".join(word) for word in text.split()),
    "letters apart, no gaps": lambda text: " ".join(text.replace(" ", "")),
    "joined": lambda text: text.replace(" ", ""),
    "camel case": lambda text: "".join(word.title() for word in text.split()),
    "comments": lambda text: text.replace("o", "o<!-- x -->"),
    "tags of HTML": lambda text: text.replace("n", "n<b></b>"),
    "hidden HTML": lambda text: f'<p>News</p><div style="display:none">{text}</div>',
    "hidden comment": lambda text: f"# Title\n<!-- {text} -->\nMore.",
    "capitals": str.upper,
    "lines": lambda text: text.replace(" ", "\n"),
}
"""Each way by its name. They are made for texts in ASCII."""
