import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.apis import Api, ApiRequestPath, current, normalise
from extproc.apis.paths import DECODINGS, Aliases
from tests.gathered import gathered

CHAT = "/v1/chat/completions"
CLAIMED = [api for api in current().apis if api.paths]


def claim(path: str) -> ApiRequestPath | None:
    return current().claim(path)


def target(raw: bytes, prefix: str) -> bytes:
    claimed = claim(normalise(raw))
    assert claimed is not None
    return claimed.target(raw, prefix, "m")


@gathered(
    "raw",
    [
        b"/v1/chat/completions",
        b"/v1/chat/completions/",
        b"/v1/chat/completions//",
        b"//v1//chat///completions",
        b"/v1/chat/completions?",
        b"/v1/chat/completions?api-version=1&x=/v1/models",
        b"/v1/chat/completions?x=%2e%2e/..",
        b"/v1/chat/completions#fragment",
        b"/v1/./chat/./completions/.",
        b"/v1/x/../chat/completions",
        b"/../../v1/chat/completions",
        b"/v1/chat/x/y/../../completions",
        b"/v1/chat/completions/x/..",
        b"/v1/chat/%63ompletions",
        b"/%76%31/%63%68%61%74/%63%6F%6D%70%6C%65%74%69%6F%6E%73",
        b"/v1%2fchat%2Fcompletions",
        b"/v1/%2e/chat/x/%2E%2e/completions",
        b"/v1/chat/%2563ompletions",
        b"/v1/chat/%252563ompletions",
        b"/v1/x%252f..%252fchat/completions",
        b"\\v1\\chat\\completions",
        b"/v1/chat%5ccompletions",
        b"/v1/x/..%5c/chat/completions",
        b"/v1/chat/completions;v=1",
        b"/v1;a/chat;b=c/completions",
        b"/v1/x/..;/chat/completions",
        b"/v1/chat/completions%3bx",
        b"/v1/chat/completions%00",
        b"/v1/chat/comp\tletions",
        b"/v1/chat/comp%0aletions",
        b"/v1/chat/completions%3Fx=1",
        b"/v1/chat/completions%23x",
        b"v1/chat/completions",
        b"/V1/Chat/COMPLETIONS",
    ],
)
def test_a_spelling_that_some_upstream_takes_for_a_claimed_path_is_claimed(raw: bytes) -> None:
    dialect = claim(normalise(raw))
    assert dialect is not None
    assert dialect.path == CHAT


@gathered(
    "raw",
    [
        b"",
        b"/",
        b"*",
        b"/v1",
        b"/v1/chat",
        b"/v1/chat/completions/x",
        b"/v1/chat/completions/chatcmpl-1/messages",
        b"/v1/chatcompletions",
        b"/v1/chat/completionsx",
        b"/v2/chat/completions",
        b"/v1/chat%20completions",
        b"/v1/chat/completions/../x",
        b"/x?/v1/chat/completions",
        b"/v1/chat/\xffcompletions",
        b"/v1/models",
        b"/v1/messages/batches",
        b"/v1/files%zz",
    ],
)
def test_another_path_is_not_claimed(raw: bytes) -> None:
    assert claim(normalise(raw)) is None


def test_an_encoding_is_undone_as_often_as_the_limit_and_no_more() -> None:
    path = "/v1/chat/completion%73"
    for _ in range(DECODINGS - 1):
        path = path.replace("%", "%25")
    assert claim(normalise(path.encode())) is not None
    assert claim(normalise(path.replace("%", "%25").encode())) is None


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"/v1/models/gpt-4o.mini", "/v1/models/gpt-4o.mini"),
        (b"/v1/models/meta-llama%2FLlama-3", "/v1/models/meta-llama/Llama-3"),
        (b"/v1/models/GPT", "/v1/models/GPT"),
        ("/v1/models/é".encode(), "/v1/models/é"),
        (b"/v1/models/%C3%A9", "/v1/models/é"),
        (b"/a%ff", "/a\ufffd"),
        (b"/..", "/"),
        (b"/%", "/%"),
        (b"/100%/x", "/100%/x"),
    ],
)
def test_a_path_keeps_its_case_and_becomes_text(raw: bytes, path: str) -> None:
    assert normalise(raw) == path


@given(st.text("/.%25eEfF;?#a\\é\x00 ", max_size=30).map(str.encode))
def test_a_normalised_path_has_no_second_reading(raw: bytes) -> None:
    path = normalise(raw)
    assert path.startswith("/")
    assert path == "/" or not {"", ".", ".."} & set(path[1:].split("/"))
    if "%" not in path:
        assert normalise(path.encode()) == path


@given(st.sampled_from(CLAIMED), st.data())
def test_any_percent_encoding_of_a_claimed_path_is_claimed(api: Api, data: st.DataObject) -> None:
    rounds = data.draw(st.integers(0, DECODINGS))
    spelled = api.paths[0]
    for _ in range(rounds):
        spelled = (
            "".join(f"%{ord(c):02x}" if c == "%" or data.draw(st.booleans()) else c for c in spelled[:80])
            + spelled[80:]
        )
    found = claim(normalise(spelled.encode()))
    assert found is not None
    assert found.api is api


@pytest.mark.parametrize(
    ("raw", "prefix", "expected"),
    [
        (b"/v1/chat/completions", "/openai/v1", b"/openai/v1/chat/completions"),
        (b"/v1/chat/completions", "/openai/v1/", b"/openai/v1/chat/completions"),
        (b"/v1/chat/completions", "/v1", b"/v1/chat/completions"),
        (b"/v1/chat/completions", "", b"/chat/completions"),
        (b"/v1/chat/completions", "/", b"/chat/completions"),
        (b"/v1/chat/completions?a=b&c=%20/..", "/x/v1", b"/x/v1/chat/completions?a=b&c=%20/.."),
        (b"/v1/chat/completions?", "/v1", b"/v1/chat/completions?"),
        (b"/v1/chat/completions?a=b#c", "/v1", b"/v1/chat/completions?a=b"),
        (b"/v1/chat/completions?a=b?c", "/v1", b"/v1/chat/completions?a=b?c"),
        (b"/v1/chat/completions?a= \r\nx: y\xff", "/v1", b"/v1/chat/completions?a=%20%0D%0Ax:%20y%FF"),
        (b"/v1//x/..//chat/%2563ompletions/;b?a", "/v1", b"/v1/chat/completions?a"),
        (b"/V1/Chat/Completions", "/v1", b"/v1/chat/completions"),
        (b"/v1/messages/count_tokens?beta=true", "/anthropic/v1", b"/anthropic/v1/messages/count_tokens?beta=true"),
        (b"/v1/chat/completions", "/%C3%BC%20b/v1", b"/%C3%BC%20b/v1/chat/completions"),
        (b"/v1/chat/completions?a=%2f", "/a%2Fb/v1", b"/a%2Fb/v1/chat/completions?a=%2f"),
    ],
)
def test_what_lies_below_v1_goes_behind_the_backends_prefix(raw: bytes, prefix: str, expected: bytes) -> None:
    assert target(raw, prefix) == expected


@given(
    st.binary(max_size=20),
    st.sampled_from(["", "/", "/a/v1"]),
)
def test_any_query_gives_a_valid_request_target(query: bytes, prefix: str) -> None:
    found = target(b"/v1/responses?" + query, prefix)
    assert re.fullmatch(rb"/[!$-~]*", found)
    assert found.startswith(prefix.rstrip("/").encode() + b"/responses?")


@given(st.sampled_from(CLAIMED), st.text("/.;?x", max_size=6))
def test_a_claimed_request_goes_upstream_as_the_path_it_was_judged_to_be(api: Api, tail: str) -> None:
    raw = (quote(api.paths[0], safe="") + tail).encode()
    judged = claim(normalise(raw))
    if judged is not None:
        assert target(raw, "/v1").partition(b"?")[0] == judged.path.encode()


@pytest.mark.parametrize(
    ("prefixes", "bare", "path", "others"),
    [
        (("/openai/v1",), False, "/v1/files", {"/openai/v1/files"}),
        (("/openai/v1",), False, "/OpenAI/V1/Files", {"/openai/v1/files", "/v1/files"}),
        (("/openai/v1",), False, "/openai/v1", {"/openai/v1", "/v1"}),
        (("/openai/v1",), False, "/openai/v1x", {"/openai/v1x"}),
        (("/openai/v1",), False, "/mcp", set()),
        ((), False, "/files", set()),
        ((), True, "/files", {"/v1/files"}),
        ((), True, "/v1/files", {"/files", "/v1/v1/files"}),
        (("/v1/x",), False, "/v1/x/y", {"/v1/y", "/v1/x/x/y"}),
        (("/a", "/b"), False, "/a/y", {"/b/y", "/v1/y"}),
    ],
)
def test_a_path_has_the_aliases_that_envoys_routes_give_it(
    prefixes: tuple[str, ...], bare: bool, path: str, others: set[str]
) -> None:
    assert set(Aliases(prefixes, bare).of(path)) == {path.lower(), *others}
