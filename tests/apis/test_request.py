import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.apis import Api, ApiRequestPath, Request, rename
from extproc.apis.request import MAX_MODEL, read_request
from extproc.payload.json.members import SMALL
from extproc.protocol.errors import ClientError
from tests.apis.bodies import TOKENS, WHITE
from tests.gathered import gathered

MISSING = "say which"
CLAIMED = ApiRequestPath(Api(name="toy", missing_model=MISSING), "/toy")
MODELS = st.text(min_size=1, max_size=MAX_MODEL).filter(str.isprintable)


def span_of(asked: Request) -> tuple[int, int]:
    assert asked.model_span is not None
    return asked.model_span


def refusal(body: bytes) -> ClientError:
    with pytest.raises(ClientError) as caught:
        read_request(body, CLAIMED)
    assert caught.value.status == 400
    assert "SECRET" not in str(vars(caught.value))
    return caught.value


@pytest.mark.parametrize(
    ("body", "model", "stream"),
    [
        (b'{"model":"gpt-4o"}', "gpt-4o", False),
        (b'{"model":"gpt-4o","stream":true}', "gpt-4o", True),
        (b'{"stream": false , "model" : "gpt-4o" }', "gpt-4o", False),
        (b'{"stream":null,"model":"gpt-4o"}', "gpt-4o", False),
        (b' \r\n{ "messages" : [{"model":"no","stream":true}] , "model"\t:\n"m"\n, "stream" : true } \n', "m", True),
        (rb'{"\u006dod\u0065l":"\u0067pt\/4","strea\u006d":true}', "gpt/4", True),
        ('{"model":"模型-é-😀"}'.encode(), "模型-é-😀", False),
        (rb'{"model":"\ud83d\ude00"}', "😀", False),
        (b'{"model":"meta-llama/Llama 3:70b@x"}', "meta-llama/Llama 3:70b@x", False),
        (b'{"n":123456789012345678901234567890,"x":1e999,"model":"m"}', "m", False),
    ],
)
def test_model_and_stream_are_read_and_the_models_place_found(body: bytes, model: str, stream: bool) -> None:
    for whole in (body, body + b" " * SMALL):
        asked = read_request(whole, CLAIMED)
        assert (asked.model, asked.stream) == (model, stream)
        start, end = span_of(asked)
        assert json.loads(whole[start:end]) == model
        assert whole[start:end] == whole[start:end].strip()


@gathered(
    ("body", "code", "param"),
    [
        (b"{}", "missing_model", "model"),
        (b'{"Model":"SECRET"}', "missing_model", "model"),
        (b'{"messages":[{"model":"SECRET"}]}', "missing_model", "model"),
        (b'{"model":null}', "invalid_model", "model"),
        (b'{"model":1}', "invalid_model", "model"),
        (b'{"model":["SECRET"]}', "invalid_model", "model"),
        (b'{"model":{"SECRET":1}}', "invalid_model", "model"),
        (b'{"model":true}', "invalid_model", "model"),
        (b'{"model":""}', "invalid_model", "model"),
        (b'{"model":"SECRET\\r\\nx-admin: 1"}', "invalid_model", "model"),
        (b'{"model":"SECRET\\u0000"}', "invalid_model", "model"),
        (b'{"model":"SECRET\x7f"}', "invalid_model", "model"),
        ('{"model":"SECRET\u202e"}'.encode(), "invalid_model", "model"),
        (b'{"model":"SECRET","stream":1}', "invalid_stream", "stream"),
        (b'{"model":"SECRET","stream":"true"}', "invalid_stream", "stream"),
        (b'{"model":"SECRET","stream":["SECRET"]}', "invalid_stream", "stream"),
        (b'{"model":"SECRET","stream":NaN}', "invalid_json", None),
        (rb'{"model":"SECRET\ud83d"}', "invalid_json", None),
        (b'{"model":"SECRET","model":"SECRET"}', "repeated_member", None),
        (b'{"model":"SECRET","stream":true,"stream":false}', "repeated_member", None),
        (b'{"Model":"SECRET","model":"SECRET"}', "repeated_member", None),
        (b'{"model":"SECRET","Stream":true}', "repeated_member", None),
        ('{"model":"SECRET","\u017ftream":true}'.encode(), "repeated_member", None),
    ],
)
def test_what_cannot_be_routed_is_refused_and_the_member_named(body: bytes, code: str, param: str | None) -> None:
    for whole in (body, body + b" " * SMALL):
        error = refusal(whole)
        assert (error.code, error.param) == (code, param)


def test_the_dialect_says_what_a_request_without_a_model_lacks() -> None:
    assert refusal(b"{}").message == MISSING


@pytest.mark.parametrize("character", ["m", "é", "😀"])
def test_a_model_as_long_as_the_limit_is_read_and_a_longer_one_refused(character: str) -> None:
    for escaped in (False, True):
        name = character * MAX_MODEL
        assert read_request(json.dumps({"model": name}, ensure_ascii=escaped).encode(), CLAIMED).model == name
        error = refusal(json.dumps({"model": name + character}, ensure_ascii=escaped).encode())
        assert (error.code, error.param) == ("invalid_model", "model")


def test_a_hundred_thousand_messages_are_read() -> None:
    messages = [{"role": "user", "content": "hi"}] * 100_000
    body = json.dumps({"messages": messages, "stream": True, "model": "m"}).encode()
    assert read_request(body, CLAIMED) == Request("m", (len(body) - 4, len(body) - 1), stream=True)


def test_a_renamed_body_keeps_big_numbers_order_escapes_and_spacing() -> None:
    body = rb'{ "seed":12345678901234567890123, "model" : "\u0067pt" ,"z":1.0e+1,"a":"\u00e9\/", "stream":false}'
    renamed = rename(body, span_of(read_request(body, CLAIMED)), 'o"1\\')
    assert (
        renamed == rb'{ "seed":12345678901234567890123, "model" : "o\"1\\" ,"z":1.0e+1,"a":"\u00e9\/", "stream":false}'
    )


@st.composite
def bodies(draw: st.DrawFn) -> tuple[bytes, str]:
    """A request among other members, and the model it names."""
    model, escaped = draw(MODELS), draw(st.booleans())
    names = draw(st.lists(st.sampled_from(['"a"', '"\\u0062"', '"é"', '""', '"Modell"', '"x\\"y"']), unique=True))
    members = [f"{draw(WHITE)}{name}{draw(WHITE)}:{draw(TOKENS)}{draw(WHITE)}" for name in names]
    spelled = draw(st.sampled_from(['"model"', '"\\u006dodel"']))
    named = f"{spelled}{draw(WHITE)}:{draw(WHITE)}{json.dumps(model, ensure_ascii=escaped)}{draw(WHITE)}"
    members.insert(draw(st.integers(0, len(members))), named)
    return f"{{{','.join(members)}}}{draw(st.sampled_from(['', ' ' * SMALL]))}".encode(), model


@given(bodies(), MODELS)
def test_a_renamed_body_reads_as_the_new_name_and_is_equal_elsewhere(sent: tuple[bytes, str], new: str) -> None:
    body, old = sent
    asked = read_request(body, CLAIMED)
    assert asked.model == old
    renamed = rename(body, span_of(asked), new)
    again = read_request(renamed, CLAIMED)
    assert again.model == new
    (start, end), (new_start, new_end) = span_of(asked), span_of(again)
    assert new_start == start
    assert renamed[:start] == body[:start]
    assert renamed[new_end:] == body[end:]
