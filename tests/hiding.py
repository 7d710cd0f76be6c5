"""Every place and every spelling in which a client can hide text, and what has to become of each.

One table: `read` means that the value in it is found, a reason that it is named as not inspected, `refused` that the
request is told to be ambiguous or invalid. Nothing may come to anything else.
"""

import base64
import gzip
import json
import zipfile
from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final, NamedTuple
from urllib.parse import quote

VALUE: Final = "john.doe@example.com"
CARD: Final = 4111111111111111
ESCAPED: Final = "john.doe\\u0040example.com"
CHAT, EMBEDDINGS, COMPLETIONS, RESPONSES, MESSAGES, OTHER = (
    "/v1/chat/completions",
    "/v1/embeddings",
    "/v1/completions",
    "/v1/responses",
    "/v1/messages",
    "/mcp",
)
JSON, TEXT, FORM, PARTS = (
    "application/json",
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=b4",
)
READ, REFUSED = "read", "refused"

PNG: Final = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + VALUE.encode()
PDF: Final = b"%PDF-1.7\n<6a6f686e>\n%%EOF"
NOISE: Final = bytes(range(128, 256))


class Place(NamedTuple):
    """`outcome`: `read`, `refused`, or the reason by which the place is named."""

    name: str
    path: str
    kind: str
    body: bytes
    outcome: str


_UNSEEN: Final = {
    "soft hyphens": "\u00ad",
    "zero-width spaces": "\u200b",
    "word joiners": "\u2060",
    "byte order marks": "\ufeff",
    "tags": "\U000e0041",
    "variation selectors": "\ufe0f",
}
"""Code points that nobody sees, between every two of a value."""


def places() -> list[Place]:
    """The table."""
    every = (_json(), _carried(), _sealed(), _numbers(), _tokens(), _plain(), _forms(), _parts(), _types())
    return [Place(*row) for rows in every for row in rows]


Rows = Iterator[tuple[str, str, str, bytes, str]]


def said(value: object, **more: object) -> bytes:
    """A chat whose user says `value`."""
    return json.dumps({"model": "chat", "messages": [{"role": "user", "content": value}], **more}).encode()


def _b64(octets: bytes | str) -> str:
    return base64.b64encode(octets.encode() if isinstance(octets, str) else octets).decode()


def _json() -> Rows:
    """What one reader of JSON takes and another does not."""
    escaped = f'"{ESCAPED}"'
    for name, body, claimed, other in (
        ("escapes", f'{{"model":"chat","x":{escaped}}}', READ, READ),
        ("escapes in a name", f'{{"model":"chat","{ESCAPED}":1}}', READ, READ),
        ("NaN", f'{{"model":"chat","x":[NaN,{escaped}]}}', REFUSED, READ),
        ("Infinity", f'{{"model":"chat","x":[Infinity,-Infinity,{escaped}]}}', REFUSED, READ),
        ("a repeated member", f'{{"model":"chat","x":{escaped},"x":1}}', REFUSED, READ),
        ("a member repeated deep inside", f'{{"model":"chat","x":{{"a":[{{"b":{escaped},"b":1}}]}}}}', READ, READ),
        ("a lone surrogate", f'{{"model":"chat","x":["\\ud800",{escaped}]}}', REFUSED, READ),
        ("a byte order mark", f'\ufeff{{"model":"chat","x":{escaped}}}', REFUSED, READ),
        ("a comment", f'{{"model":"chat",/**/"x":{escaped}}}', REFUSED, "malformed"),
        ("a comma too many", f'{{"model":"chat","x":{escaped},}}', REFUSED, "malformed"),
        ("single quotes", f"{{'model':'chat','x':'{ESCAPED}'}}", REFUSED, "malformed"),
        ("data behind the end", f'{{"model":"chat"}}{{"x":{escaped}}}', REFUSED, "malformed"),
        ("a number past all bounds", f'{{"model":"chat","x":[1e999,{escaped}]}}', READ, READ),
        ("an integer past all bounds", f'{{"model":"chat","x":[{"9" * 5000},{escaped}]}}', READ, READ),
        ("a control character", f'{{"model":"chat","x":"\x01",y:{escaped}}}', REFUSED, None),
        ("JSON in a string", json.dumps({"model": "chat", "x": f'{{"a":{escaped}}}'}), READ, READ),
        ("JSON with NaN in a string", json.dumps({"model": "chat", "x": f"[NaN,{escaped}]"}), READ, READ),
        ("lines of JSON in a string", json.dumps({"model": "chat", "x": f"{{}}\n[{escaped}]"}), READ, READ),
    ):  # fmt: skip
        yield f"{name}, claimed", CHAT, JSON, body.encode(), claimed
        if other is not None:
            yield name, OTHER, JSON, body.encode(), other
            yield f"{name}, said to be text", OTHER, TEXT, body.encode(), other
            yield f"{name}, without a type", OTHER, "", body.encode(), other
    yield "not UTF-8, claimed", CHAT, JSON, b'{"model":"chat","x":"\xff"}', REFUSED
    yield "not UTF-8", OTHER, JSON, f'{{"x":"\xff","y":{escaped}}}'.encode("latin-1"), "malformed"
    yield "UTF-16, claimed", CHAT, JSON, said(VALUE).decode().encode("utf-16"), REFUSED
    for charset in ("utf-16", "utf-16-le", "utf-32"):
        yield f"JSON in {charset}", OTHER, JSON, said(VALUE).decode().encode(charset), "malformed"
    for path, charset in ((CHAT, "utf-7"), (OTHER, "utf-7"), (OTHER, "utf-16")):
        yield f"JSON said to be {charset} at {path}", path, f"{JSON}; charset={charset}", said("+AGo-"), "charset"
    yield "a claimed body said to be a text in UTF-7", CHAT, f"{TEXT}; charset=utf-7", said("+AGo-"), "charset"
    yield "another model in capitals", CHAT, JSON, b'{"model":"chat","Model":"other"}', REFUSED


def _carried() -> Rows:
    """Base64 and data URLs."""
    long = f"{VALUE} and some words more, so that it is long enough to be told from a word"
    for name, text in (("short", VALUE), ("long", long)):
        plain = _b64(text)
        spellings = {
            "": plain,
            "without padding": plain.rstrip("="),
            "in lines": "\r\n".join(plain[at : at + 20] for at in range(0, len(plain), 20)),
            "with blanks": " " + plain[:8] + " \t" + plain[8:] + " ",
            "for URLs": _b64(text + " ÿÿ>>??").replace("+", "-").replace("/", "_"),
        }
        for how, spelt in spellings.items():
            base = f"base64, {name} {how}".rstrip()
            yield f"{base}, blob", OTHER, JSON, json.dumps({"params": {"arguments": {"blob": spelt}}}).encode(), READ
            file = {"type": "file", "file": {"filename": "a", "file_data": spelt}}
            yield f"{base}, file_data", CHAT, JSON, said([file]), READ
            source = {"type": "base64", "media_type": "text/plain", "data": spelt}
            yield f"{base}, source", CHAT, JSON, said([{"type": "document", "source": source}]), READ
            yield f"{base}, data URL", CHAT, JSON, said(f"data:text/plain;base64,{spelt}"), READ
    yield "capitals", OTHER, JSON, json.dumps({"Blob": _b64(VALUE)}).encode(), READ
    yield "JSON in short base64", OTHER, JSON, json.dumps({"blob": _b64(f'["{ESCAPED}"]')}).encode(), READ
    for spelt in (_b64(VALUE)[:9] + "!" + _b64(VALUE)[9:], _b64("a") + _b64(VALUE), _b64(VALUE)[:-3]):
        yield f"base64 that few decoders take: {spelt}", OTHER, JSON, json.dumps({"blob": spelt}).encode(), "binary"
    yield "UTF-16 in base64", OTHER, JSON, json.dumps({"blob": _b64(VALUE.encode("utf-16"))}).encode(), "binary"
    yield "gzip in base64", OTHER, JSON, json.dumps({"data": _b64(gzip.compress(VALUE.encode()))}).encode(), "file"
    yield "noise in base64", OTHER, JSON, json.dumps({"result": _b64(NOISE)}).encode(), "binary"
    hexed = "".join(f"%{byte:02x}" for byte in VALUE.encode())
    for url in (
        f"data:text/plain,{hexed}",
        f"DATA:,{hexed}",
        f"data:text/plain;charset=utf-8,{hexed}",
        f" \n data:text/plain,{hexed}",
        f"da\nta:text/plain,{hexed}",
        f"data:x,{hexed}",
        f"data:text/plain;x={'y' * 300},{hexed}",
        f"Data:;base64,{_b64(VALUE)}",
        f"data:text/plain;x={'y' * 300};base64,{_b64(VALUE)}",
        f"data:text/plain; base64,{_b64(VALUE)}",
        f"data:text/plain;base64,{quote(_b64(VALUE), safe='')}".replace("am9", "%61m9"),
        f"data:text/plain;name={VALUE};base64,{_b64('words')}",
        f"data:text/plain;charset=iso-8859-1;base64,{_b64(VALUE)}",
    ):
        yield f"data URL {url[:30]} {url[-30:]}", CHAT, JSON, said(url), READ
    for url, reason in (
        (f"data:text/plain;charset=utf-16,{quote(VALUE.encode('utf-16'))}", "file"),
        (f"data:text/plain;charset=utf-7;base64,{_b64('+AGoAbwBo-')}", "file"),
        ("data:text/plain;charset=utf-7,+AGo", "file"),
        (f"\x01data:text/plain,{hexed}", "file"),
        (f"data:text/plain;base64,{_b64(VALUE)}!", "file"),
        (f"data:image/png;base64,{_b64(PNG)}", "image"),
        (f"data:image/svg+xml,{quote('<svg/>')}", "image"),
        (f"data:application/zip;base64,{_b64(_zip())}", "file"),
    ):
        yield f"data URL {url[:30]} {url[-30:]}", CHAT, JSON, said(url), reason
    parts: list[tuple[str, Any]] = [
        ("bytes of Bedrock", {"document": {"source": {"bytes": _b64(VALUE)}}}),
        ("a name with base64", {"audio_base64": _b64(VALUE)}),
        ("a name with base64 in capitals", {"bytesBase64Encoded": _b64(VALUE)}),
        ("a type in capitals", {"source": {"Type": "BASE64", "Data": _b64(VALUE)}}),
        ("a file's data", {"type": "file", "mediaType": "text/plain", "data": _b64(VALUE)}),
        ("data and its encoding", {"data": _b64(VALUE), "encoding": "base64"}),
        ("a picture's name that is a text", {"image": _b64(VALUE)}),
    ]
    for name, part in parts:
        yield name, CHAT, JSON, said([part]), READ
        if "picture" not in name:
            yield f"{name}, in arguments", OTHER, JSON, json.dumps({"params": {"arguments": part}}).encode(), READ
    for name in ("content", "value", "Content"):
        for encoding in ("encoding", "contentEncoding"):
            file = {name: _b64(VALUE), encoding: "base64"}
            yield (
                f"{name} beside {encoding}",
                OTHER,
                JSON,
                json.dumps({"params": {"arguments": file}}).encode(),
                "binary",
            )
    cut = f'{{"data":"{_b64(VALUE)}","encoding":"base64"}} and words'
    yield "data and its encoding, and words behind", CHAT, JSON, said(cut), READ
    cut = f'{{"content":"{_b64(VALUE)}","encoding":"base64"'
    yield "content beside encoding, cut short", CHAT, JSON, said(cut), "binary"
    for name in ("images", "Images", "mask", "multimodal_data"):
        yield f"short {name} in a list", OTHER, JSON, json.dumps({name: [_b64(VALUE)]}).encode(), READ
    elsewhere: list[tuple[str, Any, str]] = [
        ("an image's URL alone", {"image": "https://a/b.png"}, "image"),
        ("a film's pictures", {"type": "video", "video": ["https://a/1.jpg", "https://a/2.jpg"]}, "video"),
        ("names in capitals", {"Type": "image_url", "Image_url": {"Url": "https://a/b.png"}}, "image"),
        ("a type in other capitals", {"type": "Image", "source": {"url": "https://a/b.png"}}, "image"),
        ("a picture of a thread", {"type": "image_file", "image_file": {"file_id": "file-1"}}, "image"),
        ("a document's URL", {"type": "document_url", "document_url": "https://a/b.pdf"}, "file"),
        ("a file of Gemini", {"fileData": {"mimeType": "application/pdf", "fileUri": "gs://a/b"}}, "file"),
    ]
    for name, part, reason in elsewhere:
        yield name, CHAT, JSON, said([part]), reason
    yield "pictures in a list", OTHER, JSON, json.dumps({"images": [_b64(PNG)]}).encode(), "image"


def _zip() -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("a.txt", VALUE)
    return out.getvalue()


def _sealed() -> Rows:
    """What stands beside, or calls itself, something sealed."""
    noise = _b64(NOISE)
    for name, part, reason in (
        ("an image beside a signature", {"type": "image", "signature": "x", "source": {"data": noise}}, "image"),
        ("an image called a signature", {"type": "signature", "image_url": {"url": "https://a/b.png"}}, "image"),
        ("a file called a signature", {"type": "signature", "data": noise}, "binary"),
        ("a picture in a signature", {"signature": {"data": noise}}, "binary"),
        ("a picture in redacted thinking", {"type": "redacted_thinking", "content": [{"data": noise}]}, "binary"),
        ("an image called a file", {"type": "file", "image_url": "https://a/b.png"}, "image"),
        ("two types", {"type": "text", "type ": "", "image_url": {"url": "https://a/b.png"}}, "image"),
    ):  # fmt: skip
        yield name, CHAT, JSON, said([part]), reason
    sealed = {"name": "x", "arguments": {"signature": noise}}
    yield "a signature in arguments", OTHER, JSON, json.dumps({"params": sealed}).encode(), "binary"
    vector = {"name": "x", "arguments": {"embedding": noise}}
    yield "a vector in arguments", OTHER, JSON, json.dumps({"params": vector}).encode(), "binary"


def _numbers() -> Rows:
    """Numbers under names of counters."""
    for name in ("count", "created", "created_at", "seed", "total_tokens", "minimum", "exclusiveMaximum"):
        call = {"function": {"name": "pay", "arguments": json.dumps({"a": [{name: CARD}]})}}
        yield f"{name} in arguments", CHAT, JSON, said("x", tools=[], x=1, tool_calls=[call]), READ
        arguments = {"method": "tools/call", "params": {"name": "pay", "arguments": {name: CARD}}}
        yield f"{name} in arguments of MCP", OTHER, JSON, json.dumps(arguments).encode(), READ
        use = {"type": "tool_use", "id": "a", "name": "pay", "input": {name: CARD}}
        yield f"{name} in a tool's input", CHAT, JSON, said([use]), READ
        schema = {"type": "object", "properties": {"a": {"type": "integer", name: CARD}}}
        tool = {"type": "function", "function": {"name": "pay", "parameters": schema}}
        yield f"{name} in a schema", CHAT, JSON, said("x", tools=[tool]), READ
        yield f"{name} under another name", CHAT, JSON, said("x", extra={name: CARD}), READ
        yield f"{name} in metadata", CHAT, JSON, said("x", metadata={name: CARD}), READ
        yield f"{name} in a result", CHAT, JSON, said(json.dumps({name: CARD})), READ
    for spelt in ("4111111111111111e0", "4.111111111111111E+15", "41111111111111110e-1", "4111111111111111.0"):
        for where, text in (("a member", '{"a":%s}'), ("an item", "[1,%s,2]"), ("a vector", "[%s,0.5,1e-05]")):
            body = '{"model":"chat","x":%s}' % (text % spelt)
            yield f"{spelt} as {where}", OTHER, JSON, body.encode(), READ
            yield f"{spelt} as {where} in a string", CHAT, JSON, said(text % spelt), READ
            yield f"{spelt} as {where} in a string that is cut", CHAT, JSON, said(f"{text % spelt} words"), READ


def _tokens() -> Rows:
    """Prompts as the numbers of a model's vocabulary."""
    yield "tokens as a message", CHAT, JSON, said([9906, 11]), "tokens"
    yield "tokens as messages", CHAT, JSON, said([[9906, 11]]), "tokens"
    yield "tokens in a part", CHAT, JSON, said([{"type": "text", "text": [9906, 11]}]), "tokens"
    yield "vectors in a part", CHAT, JSON, said([{"type": "audio_embeds", "audio_embeds": [0.5, 0.25]}]), "tokens"
    for path, name, value in (
        (EMBEDDINGS, "input", [9906, 11]),
        (EMBEDDINGS, "input", [[9906, 11], [856]]),
        (EMBEDDINGS, "input", ["a", [9906, 11]]),
        (RESPONSES, "input", [9906]),
        (COMPLETIONS, "prompt", [15496, 11]),
        (COMPLETIONS, "prompt", [[15496], [995]]),
        (COMPLETIONS, "prompt", ["words", 15496]),
        (COMPLETIONS, "prompt", ["words", 15496, 11, 12]),
        (COMPLETIONS, "prompt", {"prompt_token_ids": [1, 2]}),
        (COMPLETIONS, "prompt_token_ids", [1, 2]),
        (COMPLETIONS, "prompt_embeds", [0.25, 0.5]),
        (COMPLETIONS, "prompt_embeds", _b64(NOISE)),
        (COMPLETIONS, "prompt_embeds", [_b64(NOISE)]),
        (COMPLETIONS, "prompt_embeds", _b64(b"\xff\xff")),
        (COMPLETIONS, "suffix", [1, 2]),
        (COMPLETIONS, "inputs_embeds", [[0.25]]),
        (RESPONSES, "instructions", [1, 2]),
        (OTHER, "content", [1, "words"]),
        (OTHER, "input_prefix", [1, 2]),
        (OTHER, "Context", [1, 2]),
        (OTHER, "tokens", [1, 2]),
        (OTHER, "context", [1, 2]),
    ):
        body = json.dumps({"model": "chat", name: value}).encode()
        yield f"{name} {str(value)[:40]} at {path}", path, JSON, body, "tokens"
    yield "a batch of requests", OTHER, "application/jsonl", b'{"body":{"input":[1,2]}}\n{"body":{}}', "tokens"


_OCTETS: Final = {
    "NUL": VALUE.replace("@", "\0@").encode(),
    "a control character": VALUE.replace("@", "\x02@").encode(),
    "PNG": PNG,
    "PDF": PDF,
    "PDF behind something": b"words\n" + PDF,
    "gzip": gzip.compress(VALUE.encode()),
    "ZIP": _zip(),
    "UTF-16": VALUE.encode("utf-16"),
    "UTF-16 without a mark": VALUE.encode("utf-16-be"),
    "UTF-16 without a letter of ASCII": b"\xff\xfe" + "名字".encode("utf-16-le"),
    "UTF-32": VALUE.encode("utf-32"),
    "RTF": b"{\\rtf1 john.doe\\'40example.com}",
    "PostScript": b"%!PS-Adobe-3.0\n<6a6f686e> show",
    "noise": NOISE,
    "Cyrillic in KOI8-R": "Иван Петров".encode("koi8-r"),
}

_OF_ASCII: Final = frozenset(("PDF", "PDF behind something", "RTF", "PostScript"))


def _plain() -> Rows:
    """Octets that are no text, as a whole body."""
    for name, octets in _OCTETS.items():
        yield f"{name} as text", OTHER, TEXT, octets, "binary"
        yield f"{name} as text with a charset", OTHER, f"{TEXT}; charset=utf-8", octets, "binary"
        yield f"{name} as XML", OTHER, "application/xml", octets, "binary"
        if name not in _OF_ASCII:
            yield f"{name} as it is", OTHER, "application/octet-stream", octets, "content_type"
    for charset in ("utf-16", "utf-7", "shift_jis"):
        yield f"{charset} as declared", OTHER, f"{TEXT}; charset={charset}", VALUE.encode(charset), "charset"
    for name, unseen in _UNSEEN.items():
        yield f"{name} in text", OTHER, TEXT, unseen.join(VALUE).encode(), READ
        yield f"{name} in a field", OTHER, FORM, b"a=" + quote(unseen.join(VALUE)).encode(), READ
        yield f"{name} in JSON", CHAT, JSON, said(unseen.join(VALUE)), READ
        yield f"{name} in JSON, as it is", CHAT, JSON, f'{{"model":"chat","x":"{unseen.join(VALUE)}"}}'.encode(), READ
    yield "ANSI colours", OTHER, TEXT, f"\x1b[31m {VALUE} \x1b[0m".encode(), READ
    yield "Latin-1", OTHER, f"{TEXT}; charset=latin-1", f"é {VALUE}".encode("latin-1"), READ


def _forms() -> Rows:
    """Octets that are no text, in forms of URLs."""
    for name, octets in _OCTETS.items():
        yield f"{name} as a field", OTHER, FORM, b"a=" + quote(octets).encode(), "binary"
        yield f"{name} as a field's name", OTHER, FORM, quote(octets).encode() + b"=1", "binary"
    yield "PNG as a form", OTHER, FORM, PNG, "binary"
    for charset in ("utf-7", "utf-16"):
        yield f"a form in {charset}", OTHER, f"{FORM}; charset={charset}", b"a=%2BAGo-", "charset"
        yield f"a form that says {charset}", OTHER, FORM, f"_charset_={charset}&a=%2BAGo-".encode(), "charset"
    yield "an image's URL as a field", OTHER, FORM, b"image_url=https://a/b.png", "image"
    yield "a field in percent", OTHER, FORM, b"a=john.doe%40example.com", READ
    yield "short base64 as a field", OTHER, FORM, f"blob={_b64(VALUE)}".encode(), READ
    yield "JSON as a form", OTHER, FORM, f'{{"a":"{ESCAPED}"}}'.encode(), READ
    yield "short base64 as a member of a field", OTHER, FORM, f"a[0][blob]={_b64(VALUE)}".encode(), READ
    yield "short base64 as an item of a field", OTHER, FORM, f"blob[]={_b64(VALUE)}".encode(), READ
    yield "a field in percent as JavaScript wrote it", OTHER, FORM, b"a=john.doe%u0040example.com", "content_type"
    yield "JSON in percent as a form", OTHER, FORM, b'{"a":"john.doe%40example.com"}', READ
    yield "JSON with both as a form", OTHER, FORM, f'{{"a":"%40","b":"{ESCAPED}"}}'.encode(), READ
    yield "JSON with both hides", OTHER, FORM, b'{"a":"john\\u002edoe%40example.com"}', "content_type"
    yield "JSON a lenient reader takes", OTHER, FORM, f'a={{"a":"{ESCAPED}",}}'.encode(), "malformed"


def _part(headers: str, content: bytes | str) -> bytes:
    octets = content.encode() if isinstance(content, str) else content
    return b"--b4\r\n" + headers.encode() + b"\r\n\r\n" + octets + b"\r\n--b4--\r\n"


def _parts() -> Rows:
    """Octets that are no text in parts, and fields of parts in the spellings of mail."""
    field = 'Content-Disposition: form-data; name="a"'
    file = field + '; filename="a.txt"'
    for name, octets in _OCTETS.items():
        yield f"{name} in a part", OTHER, PARTS, _part(field, octets), "binary"
        yield f"{name} in a part of text", OTHER, PARTS, _part(f"{file}\r\nContent-Type: text/plain", octets), "binary"
        if name not in _OF_ASCII:
            yield f"{name} in a file without a type", OTHER, PARTS, _part(file, octets), "file"
    other = f"{file}\r\nContent-Type: application/octet-stream"
    yield "PDF of ASCII in a file", OTHER, PARTS, _part(other, PDF), "file"
    text = f"{field}\r\nContent-Type: text/plain"
    disposition, encoding = "Content-Disposition: form-data", "Content-Transfer-Encoding"
    words = "=?utf-8?Q?john.doe=40?= =?utf-8?Q?example.com?="
    for name, headers, content, outcome in (
        ("a charset", f"{text}; charset=utf-16", VALUE.encode("utf-16"), "charset"),
        ("a folded charset", f"{text};\r\n charset=utf-16", VALUE.encode("utf-16"), "charset"),
        ("two charsets", f"{text}; charset=utf-8; charset=utf-7", "+AGo-", "content_type"),
        ("two types", f"{text}\r\nContent-Type: text/html", "x", "content_type"),
        ("two dispositions", f'{field}\r\n{disposition}; name="b"', "x", "content_type"),
        ("two names", f'{field}; name="b"', "x", "content_type"),
        ("base64", f"{text}\r\nContent-Transfer-Encoding: base64", _b64(VALUE), "encoding"),
        ("folded base64", f"{text}\r\nContent-Transfer-Encoding:\r\n\tbase64", _b64(VALUE), "encoding"),
        ("quoted-printable", f"{text}\r\nContent-Transfer-Encoding: Quoted-Printable", "john=2Edoe", "encoding"),
        ("two encodings", f"{field}\r\n{encoding}: 8bit\r\n{encoding.lower()}: base64", "x", "content_type"),
        ("a content-encoding", f"{field}\r\nContent-Encoding: base64", _b64(VALUE), "encoding"),
        ("no content-encoding", f"{field}\r\nContent-Encoding: identity", VALUE, READ),
        ("short base64", 'Content-Disposition: form-data; name="a[blob]"', _b64(VALUE), READ),
        ("parts in a part", f"{field}\r\nContent-Type: multipart/mixed; boundary=c", "--c\r\n\r\njo", "content_type"),
        ("a mail in a part", f"{field}\r\nContent-Type: message/rfc822", "a: b\r\n\r\nc", "content_type"),
        ("a form in a part", f"{field}\r\nContent-Type: {FORM}", "a=john%2edoe", "content_type"),
        ("a file's name", f'{disposition}; name="a"; filename="{VALUE}"', "x", READ),
        ("a file's name in RFC 2047", f'{disposition}; filename="=?utf-8?B?{_b64(VALUE)}?="', "x", READ),
        ("a file's name in RFC 2047, Q", f'{disposition}; filename="=?UTF-8?q?john=2Edoe=40example.com?="', "x", READ),
        ("a file's name in two words", f'{disposition}; filename="{words}"', "x", READ),
        ("a file's name in another charset", f'{disposition}; filename="=?utf-16?B?{_b64("j")}?="', "x", "charset"),
        ("a file's name in bad base64", f'{disposition}; filename="=?utf-8?B?a?="', "x", "encoding"),
        ("a file's name in RFC 5987", f"{disposition}; filename*=UTF-8'en'john%2Edoe%40example.com", "x", READ),
        ("the same in quotes", f"{disposition}; filename*=\"utf-8''john%2Edoe%40example.com\"", "x", READ),
        ("the same, folded", f"{disposition};\r\n filename*=utf-8''john%2Edoe%40example.com", "x", READ),
        ("two of those", f"{disposition}; name*=utf-8''a; filename*=utf-8''john%2Edoe%40example.com", "x", READ),
        ("a name in RFC 5987", f"{disposition}; name*=utf-8''john%2Edoe%40example.com", "x", READ),
        ("the same in another charset", f"{disposition}; filename*=utf-16'en'%00j", "x", "charset"),
        ("a name in RFC 5987 without a charset", f"{disposition}; filename*=john%2Edoe%40example.com", "x", "charset"),
        ("a name with backslashes", f'{disposition}; name="a"; filename="john.doe\\@example.com"', "x", "encoding"),
        ("blanks in front", f" Content-Type: text/plain; charset=utf-7\r\n{disposition}", "+AGo-", "content_type"),
        ("a continued name", f"{disposition}; filename*0=john.doe; filename*1=@example.com", "x", "encoding"),
        ("a continued name, encoded", f"{disposition}; filename*0*=utf-8''john; filename*1*=%2E", "x", "encoding"),
        ("the form's charset", f'{disposition}; name="_charset_"', "utf-16", "charset"),
        ("JSON in a part", field, f'{{"a":"{ESCAPED}"}}', READ),
        ("lenient JSON in a part", f"{field}\r\nContent-Type: application/json", f'{{"a":"{ESCAPED}",}}', "malformed"),
        ("a look-alike", field, f"x\r\n--b44\r\n\r\n{VALUE[:4]}", "content_type"),
        ("a look-alike at once", field, "--b4x\r\n\r\nx", "content_type"),
        ("a look-alike behind a return", field, "x\r--b4\r\rx", "content_type"),
    ):  # fmt: skip
        yield f"{name} (part)", OTHER, PARTS, _part(headers, content), outcome
    whole = _part(field, VALUE)
    yield "a duplicate part", OTHER, PARTS, _part(field, "x").removesuffix(b"--\r\n") + b"\r\n" + whole[6:], READ
    yield "no last delimiter", OTHER, PARTS, whole.removesuffix(b"\r\n--b4--\r\n"), READ
    yield "a preamble", OTHER, PARTS, VALUE.encode() + b"\r\n" + _part(field, "x"), READ
    yield "an epilogue", OTHER, PARTS, _part(field, "x") + VALUE.encode(), READ
    escaped = f'{{"a":"{ESCAPED}"}}'.encode()
    yield "JSON as a preamble", OTHER, PARTS, escaped + b"\r\n" + _part(field, "x"), READ
    yield "JSON as an epilogue", OTHER, PARTS, _part(field, "x") + escaped, READ
    yield "a binary preamble", OTHER, PARTS, b"\0\r\n" + _part(field, "x"), "binary"
    yield "parts behind the last one", OTHER, PARTS, _part(field, "x") + _part(field, '{"a":"\\u0061"}'), "content_type"
    yield "a part without a blank line", OTHER, PARTS, b'--b4\r\n{"a":"\\u0061"}\r\n--b4--', "content_type"
    yield "a part with a blank line of returns", OTHER, PARTS, b"--b4\r\na: b\r\rx\r\n--b4--", "content_type"
    yield "parts of returns", OTHER, PARTS, b"--b4\ra: b\r\rx\r--b4--\r", "content_type"


def _types() -> Rows:
    """Content-types that readers understand differently."""
    for name, body in {
        "a string": f'"{ESCAPED}"',
        "white space that is none": f'\x0b{{"a":"{ESCAPED}"}}',
        "a guard": f')]}}\',\n{{"a":"{ESCAPED}"}}',
        "a call": f'cb({{"a":"{ESCAPED}"}})',
        "an escape of JavaScript": '{"a":"john.doe\\x40example.com"}',
    }.items():
        yield f"{name} as lines of JSON", OTHER, "application/x-ndjson", body.encode(), "malformed"
    for kind in (
        "multipart/form-data",
        "multipart/form-data; boundary=b4; boundary=b5",
        "multipart/form-data; boundary*=utf-8''b4",
        "text/plain; charset=utf-8; charset=utf-7",
        "text/plain, multipart/form-data; boundary=b4",
        "multipart /form-data; boundary=b4",
        "multipart/form-data; boundary='b4'",
        "multipart/form-data; boundary=<b4>",
        "multipart/form-data; boundary=b4, text/plain",
    ):
        yield f"the type {kind}", OTHER, kind, _part('Content-Disposition: form-data; name="a"', "x"), "content_type"
