"""Links in replies."""

from typing import Any

import pytest

from extproc.apis.reply import ReplyPart
from extproc.detectors.replies import ReplyFinding
from extproc.detectors.url.address import DATA_MIN
from extproc.detectors.url.links import LINK_MAX, Linked, LinkJudge
from extproc.policy.replies import Url
from tests.gathered import gathered
from tests.inspection.replying import FORMS, asking, judging, outcome, streamed, whole


def found(text: str, size: int = 10_000, **options: Any) -> list[tuple[str, str]]:
    """The kinds of findings in a text that comes in pieces, and what they stand at."""
    follower = Linked(LinkJudge(Url(use="url", **options)))
    noticed = [
        each
        for at in range(0, len(text), size)
        for each in follower.take(ReplyPart("text", 0, ("content",), text[at : at + size]))
    ]
    noticed += follower.finish()
    return [(each.kind, text[each.start : each.end]) for each in noticed if isinstance(each, ReplyFinding)]


DATA = "QUJDREVG123" * 6
SUSPICIOUS = {
    "http://user:pw@example.com/x": "userinfo",
    "https://google.com@evil.example/": "userinfo",
    "http://10.0.0.1/x": "ip_host",
    "http://3232235777/": "ip_host",
    "http://0x7f.1/": "ip_host",
    "http://[::1]:8080/": "ip_host",
    "https://xn--bcher-kva.example/": "punycode",
    "https://bücher.example/": "punycode",
    "https://xn--pple-43d.com/": "homograph",
    "https://аррӏе.com/": "homograph",
    "https://paypаl.com/": "homograph",
    f"https://evil.example/p.png?d={DATA}": "data",
    f"https://evil.example/#{DATA}": "data",
    "https://evil.example/?q=" + "%41%42%43" * 9: "data",
    "https://evil.example/?q=" + "x=1&" * 200: "data",
    "javascript:alert(document.cookie)": "scheme",
    "http:/user@evil.example": "userinfo",
    "http:///0x7f.1": "ip_host",
    "https://0x/": "ip_host",
    "data:text/html;base64,PHNjcmlwdD4=": "scheme",
    "//evil.example@1.2.3.4/x": "userinfo",
    "https:\\\\user@evil.example\\x": "userinfo",
}


@gathered("link", SUSPICIOUS)
@gathered("form", ["{}", "see {} now", "[text]({})", "![image]({} 'title')", '<a href="{}">x</a>', "<{}>"])
def test_a_suspicious_link_is_found_bare_in_markdown_and_in_html(link: str, form: str) -> None:
    text = form.format(link)
    for size in (1, 3, 10_000):
        assert (SUSPICIOUS[link], link) in found(text, size)


@pytest.mark.parametrize(
    "text",
    [
        "https://example.com/a/b?id=7f3c9a12-4b5d-4c8e-9f00-112233445566&utm_source=newsletter",
        "https://en.wikipedia.org/wiki/Percent-encoding#Types_of_URI_characters",
        "https://example.com/docs/a-very-long-title-of-an-article-that-goes-on-and-on-for-ever-and-ever.html",
        "[a](docs/page.md) [b](#section) [c](mailto:me@example.com) and/or 1/2, TCP/IP, http: nothing, a//b",
        "version 1.2.3.4 of the file C:\\dir\\file at 10:30, ratio 3:2, see www and ww.",
        "```\nint x = a // b;\n```",
    ],
)
def test_what_is_no_suspicious_link_is_none(text: str) -> None:
    assert found(text) == found(text, 1) == []


@pytest.mark.parametrize("more", [-1, 0])
def test_a_value_is_data_from_a_length_on(more: int) -> None:
    value = ("a1" * DATA_MIN)[: DATA_MIN + more]
    assert bool(found(f"https://a.example/?x={value}")) == (more == 0)


LISTED = [
    ("https://example.com/x", True),
    ("https://EXAMPLE.com./x", True),
    ("http://example.com:8443", True),
    ("www.example.com/x", False),
    ("https://sub.example.com/", False),
    ("https://a.docs.example/", True),
    ("https://docs.example/", True),
    ("https://notdocs.example/", False),
    ("https://host.example/guide/a", True),
    ("https://host.example/guide", True),
    ("https://host.example/guidebook", False),
    ("https://host.example/guide/../secret", False),
    ("https://host.example/%67uide/a", True),
    ("https://example.com.evil.example/", False),
    ("https://ｅxample.com/", True),
    ("//example.com/x", True),
]
ENTRIES = ("example.com", "*.docs.example", "host.example/guide/")


@gathered(("link", "listed"), LISTED)
def test_lists_hold_hosts_those_below_them_and_paths(link: str, listed: bool) -> None:
    text = f"go to {link} now"
    assert found(text, allow=ENTRIES, checks=()) == ([] if listed else [("not_allowed", link)])
    assert found(text, deny=ENTRIES, checks=()) == ([("denied", link)] if listed else [])


def test_the_target_of_a_markdown_link_needs_no_scheme() -> None:
    assert found("[a](evil.example/x) [b](page.md)", deny=("evil.example",), checks=()) == [
        ("denied", "evil.example/x")
    ]


HIDDEN = [
    "[https://ok.example](https://evil.example/x)",
    "![a](https://ok.example/x)![b](https://evil.example/y?d=1)",
    "(https://ok.example)[x](evil.example)",
    "|https://ok.example/a|https://evil.example/b|",
    r"[a](https\://evil.example/x)",
    r"[a](\//evil.example)",
    "[a](https&#58;//evil.example)",
    "[a](https&colon;//ev&#x69;l.example)",
    "[a](  <https:/evil.example>)",
    '<a href="&#104;ttps://evil.example">',
    "<img src=https:evil.example/p.png>",
    "[a]\n\n[a]: //evil.example",
    "[a](https://ok.example\\@evil.example)",
    "https://ok.example@evil.example",
    "https://ok.example%40evil.example",
    "https://ok.example.evil.example/ok.example",
    "https://evil.example#@ok.example",
    "https://evil.example?@ok.example/",
    "https://ｅvil。example/",
    "https://%65vil.example/",
]


@gathered("text", HIDDEN)
def test_no_link_hides_behind_another_or_behind_escapes(text: str) -> None:
    whole_text = found(text + " and", allow=("ok.example",), checks=())
    assert [kind for kind, _ in whole_text] == ["not_allowed"]
    assert "vil" in whole_text[0][1] or "&#x69;l" in whole_text[0][1]
    assert all(found(text + " and", size, allow=("ok.example",), checks=()) == whole_text for size in (1, 2, 3, 5, 7))


DENIED = [
    ("127.0.0.1", "http://2130706433/"),
    ("127.0.0.1", "http://0177.0.0.1/"),
    ("127.0.0.1", "http://0x7f.1/"),
    ("127.0.0.1", "http://%31２7.1/"),
    ("bücher.example", "https://xn--bcher-kva.example/"),
    ("xn--bcher-kva.example", "https://BÜCHER.example"),
    ("evil.example", "https://ev\u00adil.example/"),
    ("evil.example", "https://user:pw@EVIL.example.:443/"),
    ("evil.example", "evil.example/login"),
    ("*.evil.example", "a.evil.example"),
    ("evil.example/x/", "evil.example/a/../x/y"),
]


@pytest.mark.parametrize(("entry", "text"), DENIED)
def test_a_denied_host_is_found_however_it_is_written(entry: str, text: str) -> None:
    for each in (text, f"go to {text}, then", f"({text})"):
        assert [kind for kind, _ in found(each, deny=(entry,), checks=())] == ["denied"]
        assert found(each, 1, deny=(entry,), checks=()) == found(each, deny=(entry,), checks=())
    assert found(f"me@{text.rpartition('@')[2]}", deny=("other.example",), checks=()) == []


def test_the_end_of_a_message_ends_its_own_links_alone() -> None:
    follower = Linked(LinkJudge(Url(use="url", allow=("ok.example",))))
    for number, text in ((0, "https://ok."), (1, "https://ok.example")):
        assert not follower.take(ReplyPart("text", number, ("choices", number), text))
    assert not follower.take(ReplyPart("end", 1, (), "stop"))
    assert not follower.take(ReplyPart("text", 0, ("choices", 0), "example/x "))
    (noticed,) = follower.take(ReplyPart("text", 0, ("choices", 0), "//evil.example "))
    assert isinstance(noticed, ReplyFinding)
    assert (noticed.start, noticed.end) == (21, 35)


@pytest.mark.parametrize("api", FORMS)
def test_a_link_blocks_a_reply_in_every_api(api: str) -> None:
    own = judging("{use: url, allow: [example.com]}")
    text = "Look at ![x](https://evil.example/a?b=c) please, or https://example.com/."
    for response in (whole(api, text), streamed(api, [text[at : at + 5] for at in range(0, len(text), 5)])):
        result = outcome(own, api, asking(api), response)
        assert result.action == "block"
        assert [(each.kind, each.start, each.end) for each in result.findings] == [("not_allowed", 13, 39)]
    assert outcome(own, api, asking(api), whole(api, "https://example.com/a is fine.")).action == "allow"


def test_a_link_without_an_end_is_uninspected() -> None:
    own = judging("{use: url}")
    text = "https://example.com/" + "x" * LINK_MAX
    result = outcome(
        own, "chat", asking("chat"), streamed("chat", [text[at : at + 100] for at in range(0, len(text), 100)])
    )
    assert any("not inspected: size" in each for each in result.why)


@pytest.mark.parametrize("entry", ["https://example.com", "exa mple.com", "", "a.com?x"])
def test_a_wrong_entry_is_an_error_of_the_policy(entry: str) -> None:
    with pytest.raises(Exception, match="1 problem in the policy"):
        judging(f"{{use: url, allow: ['{entry}']}}")
