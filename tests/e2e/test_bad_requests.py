"""Requests that are wrong: refused in the client's dialect, with a reason, and seen by no backend."""

from typing import Any

import pytest

from tests.e2e.gateway import Gateway, Version, post

pytestmark = pytest.mark.envoy

DEEP = 10_000
MANY = 100_000

WRONG = {
    "not JSON": (b"{", "invalid_json", None),
    "two values": (b'{"model":"chat"}{"model":"grow"}', "invalid_json", None),
    "text behind it": (b'{"model":"chat"} x', "invalid_json", None),
    "a comma too many": (b'{"model":"chat",}', "invalid_json", None),
    "a comment": (b'{"model":"chat" /* x */}', "invalid_json", None),
    "not a number": (b'{"model":"chat","n":NaN}', "invalid_json", None),
    "blanks": (b" \n\t ", "invalid_json", None),
    "zeros": (b"\0" * 100, "invalid_json", None),
    "a byte order mark": (b'\xef\xbb\xbf{"model":"chat"}', "invalid_json", None),
    "UTF-16": ('{"model":"chat"}'.encode("utf-16"), "invalid_utf8", None),
    "not UTF-8": (b'{"model":"chat","user":"\xff\xfe"}', "invalid_utf8", None),
    "half a character": (b'{"model":"chat","user":"\xe2\x82"}', "invalid_utf8", None),
    "an overlong character": (b'{"model":"chat","user":"\xc0\xaf"}', "invalid_utf8", None),
    "a surrogate in UTF-8": (b'{"model":"chat","user":"\xed\xa0\x80"}', "invalid_utf8", None),
    "a list": (b'[{"model":"chat"}]', "invalid_json", None),
    "a string": (b'"chat"', "invalid_json", None),
    "a number": (b"1", "invalid_json", None),
    "null": (b"null", "invalid_json", None),
    "no model": (b'{"messages":[]}', "missing_model", "model"),
    "no members": (b"{}", "missing_model", "model"),
    "an empty model": (b'{"model":""}', "invalid_model", "model"),
    "a number as the model": (b'{"model":1}', "invalid_model", "model"),
    "a list as the model": (b'{"model":["chat"]}', "invalid_model", "model"),
    "an object as the model": (b'{"model":{"name":"chat"}}', "invalid_model", "model"),
    "null as the model": (b'{"model":null}', "invalid_model", "model"),
    "a line break in the model": (b'{"model":"chat\\r\\nx-evil: 1"}', "invalid_model", "model"),
    "a zero in the model": (b'{"model":"chat\\u0000"}', "invalid_model", "model"),
    "a very long model": (b'{"model":"%b"}' % (b"x" * 10_000), "invalid_model", "model"),
    "a string as stream": (b'{"model":"chat","stream":"true"}', "invalid_stream", "stream"),
    "a number as stream": (b'{"model":"chat","stream":1}', "invalid_stream", "stream"),
    "the model twice": (b'{"model":"chat","model":"grow"}', "repeated_member", None),
    "the model twice, the same": (b'{"model":"chat","model":"chat"}', "repeated_member", None),
    "the model twice, once escaped": (b'{"model":"chat","m\\u006fdel":"grow"}', "repeated_member", None),
    "the model twice, far apart": (
        b'{"model":"chat","user":"%b","model":"grow"}' % (b"x" * 200_000),
        "repeated_member",
        None,
    ),
    "lists in lists": (b'{"model":"chat","x":' + b"[" * DEEP + b"]" * DEEP + b"}", "nesting_too_deep", None),
    "objects in objects": (
        b'{"model":"chat","x":' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
        "nesting_too_deep",
        None,
    ),
    "lists that are never closed": (b'{"model":"chat","x":' + b"[" * DEEP, "nesting_too_deep", None),
}


def refused(answer: Any, status: int, code: str, param: str | None = None) -> None:
    """Whether the answer is an error as OpenAI's SDK reads it."""
    error = answer.json()["error"]
    assert (answer.status, answer.complete, error["code"], error["param"]) == (status, True, code, param)
    assert answer.header("content-type") == "application/json"
    assert answer.header("x-extproc-decision") == "rejected"
    assert error["message"]


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_body_is_refused(direct: Gateway, name: str) -> None:
    body, code, param = WRONG[name]
    for version in ("http1", "http2"):
        refused(direct.send(post(body), version), 400, code, param)
        refused(
            direct.send(post([body[: len(body) // 2], body[len(body) // 2 :]], length=False), version), 400, code, param
        )


def test_an_unknown_model_is_refused(direct: Gateway, version: Version) -> None:
    refused(direct.send(post(b'{"model":"nobody-serves-it"}'), version), 404, "model_not_found", "model")


def test_a_model_of_another_api_is_refused(direct: Gateway, version: Version) -> None:
    refused(direct.send(post(b'{"model":"opus"}'), version), 404, "model_not_found", "model")


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (b"{", 400, "invalid_request_error"),
        (b'{"messages":[]}', 400, "invalid_request_error"),
        (b'{"model":"nobody-serves-it"}', 404, "not_found_error"),
        (b'{"model":"chat"}', 404, "not_found_error"),
        (b"", 400, "invalid_request_error"),
    ],
)
def test_anthropics_clients_get_errors_as_anthropic_writes_them(
    direct: Gateway, version: Version, body: bytes, status: int, kind: str
) -> None:
    answer = direct.send(post(body, target="/v1/messages"), version)
    document = answer.json()
    assert (answer.status, document["type"], document["error"]["type"]) == (status, "error", kind)
    assert document["error"]["message"]


@pytest.mark.parametrize(
    "path",
    ["/v1/completions", "/v1/embeddings", "/v1/responses", "/v1/chat/completions?x=1", "/v1//chat/./completions/"],
)
def test_every_claimed_path_is_read(direct: Gateway, path: str) -> None:
    refused(direct.send(post(b"{", target=path)), 400, "invalid_json")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "LOCK"])
def test_another_method_on_a_claimed_path_is_refused(direct: Gateway, method: str) -> None:
    answer = direct.send(post(b'{"model":"chat"}', method=method))
    assert (answer.status, answer.json()["error"]["code"]) == (405, "method_not_allowed")


def test_a_hundred_thousand_messages_are_no_reason_to_refuse(direct: Gateway, version: Version) -> None:
    body = b'{"model":"grow","messages":[' + b",".join([b'{"role":"user","content":"\\u0041"}'] * MANY) + b"]}"
    _, seen = direct.ask(body, version)
    assert seen.body == body.replace(b'"grow"', b'"a-name-much-longer-than-grow"', 1)


def test_a_model_that_is_written_with_escapes_is_known(direct: Gateway) -> None:
    _, seen = direct.ask(b'{"\\u006dodel":"\\u0067row","messages":[]}')
    assert seen.body == b'{"\\u006dodel":"a-name-much-longer-than-grow","messages":[]}'


def test_what_a_client_sent_wrong_is_not_repeated_to_it(direct: Gateway) -> None:
    answer = direct.send(post(b'{"model":"PLANTED-MARKER","messages":"PLANTED-MARKER"}'))
    assert answer.status == 404
    assert b"PLANTED" not in answer.body
    assert "PLANTED" not in str(answer.headers)
