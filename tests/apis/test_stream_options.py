"""A stream is asked for its usage by an edit that changes nothing else of the request."""

import json
from typing import Any, Final

import pytest

from extproc import apis
from extproc.apis.families.openai_stream_options import ask_usage
from extproc.apis.request import read_request
from extproc.apis.seals.tree import applied

CLAIMED: Final = apis.current().claim("/v1/chat/completions")


def asked(body: bytes) -> bytes | None:
    """The body with the edit; None if it stays as it came."""
    assert CLAIMED is not None
    edit = ask_usage(body, read_request(body, CLAIMED))
    return None if edit is None else applied(body, [edit])


def request(options: str | None, stream: str = "true") -> bytes:
    member = "" if options is None else f', "stream_options": {options}'
    return f'{{"model": "m", "stream": {stream}{member} , "messages": []}}'.encode()


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (None, {"include_usage": True}),
        ("null", {"include_usage": True}),
        ("{}", {"include_usage": True}),
        ("{ }", {"include_usage": True}),
        ('{"include_usage": false}', {"include_usage": True}),
        ('{"include_usage" : null }', {"include_usage": True}),
        ('{"include\\u005fusage": false}', {"include_usage": True}),
        ('{"include_obfuscation": false}', {"include_usage": True, "include_obfuscation": False}),
        (
            '{"a": {"include_usage": true}, "include_usage": false}',
            {"a": {"include_usage": True}, "include_usage": True},
        ),
        ('{"include_usage": true, "include_usage": false}', {"include_usage": True}),
    ],
)
def test_a_stream_without_usage_is_asked_for_it(options: str | None, wanted: Any) -> None:
    found = asked(request(options))
    assert found is not None
    value = json.loads(found)
    assert value == {"model": "m", "stream": True, "stream_options": wanted, "messages": []}
    # Every other byte stays.
    assert found.endswith(b' , "messages": []}')
    assert b'"model": "m", "stream": true' in found


@pytest.mark.parametrize(
    "body",
    [
        request(None, "false"),
        request(None, "null"),
        request('{"include_usage": true}'),
        request('{"include_usage": "yes"}'),
        request('{"include_usage": 0}'),
        request('{"Include_Usage": false}'),
        request('{"include_usage": false, "include_usage": true}'),
        request("[]"),
        request('"x"'),
        request("7"),
        b'{"model": "m", "stream": true, "Stream_Options": {}}',
    ],
    ids=lambda body: body.decode(),
)
def test_what_asks_itself_or_cannot_be_told_stays_as_it_came(body: bytes) -> None:
    assert asked(body) is None
