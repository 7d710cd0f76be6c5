import json
from typing import Any

import pytest

from extproc.apis import DIALECTS, Dialect, claim
from extproc.payload.sse import Reader
from extproc.protocol.errors import ClientError

ERROR = ClientError(404, "model_not_found", 'No "such" model\n.', "model")
OPENAI = [dialect for dialect in DIALECTS if dialect.api == "openai"]
ANTHROPIC = [dialect for dialect in DIALECTS if dialect.api == "anthropic"]


def event(dialect: Dialect, sequence: int = 0) -> tuple[bytes, Any]:
    """The one event that a stream gets for an error, as a client reads it."""
    found = Reader().feed(dialect.error_event(ERROR, sequence))
    assert len(found) == 1
    assert found[0].data is not None
    return found[0].name, json.loads(found[0].data)


@pytest.mark.parametrize(
    ("path", "name", "api", "operation"),
    [
        ("/v1/chat/completions", "openai.chat", "openai", "chat"),
        ("/v1/completions", "openai.completions", "openai", "text_completion"),
        ("/v1/embeddings", "openai.embeddings", "openai", "embeddings"),
        ("/v1/responses", "openai.responses", "openai", "chat"),
        ("/v1/messages", "anthropic.messages", "anthropic", "chat"),
        ("/v1/messages/count_tokens", "anthropic.count_tokens", "anthropic", "count_tokens"),
    ],
)
def test_each_path_is_claimed_by_its_dialect(path: str, name: str, api: str, operation: str) -> None:
    dialect = claim(path)
    assert dialect is not None
    assert (dialect.name, dialect.api, dialect.operation, dialect.path) == (name, api, operation, path)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_every_dialect_reads_the_model(dialect: Dialect) -> None:
    asked = dialect.read(b'{"model":"m","stream":true}')
    assert (asked.model, asked.model_span, asked.stream) == ("m", (9, 12), True)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_every_dialect_refuses_a_body_without_a_model(dialect: Dialect) -> None:
    with pytest.raises(ClientError, match="model") as caught:
        dialect.read(b'{"prompt":{"id":"pmpt_1"}}')
    assert (caught.value.status, caught.value.code, caught.value.param) == (400, "missing_model", "model")


@pytest.mark.parametrize("dialect", OPENAI, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "invalid_request_error"),
        (403, "invalid_request_error"),
        (404, "invalid_request_error"),
        (413, "invalid_request_error"),
        (429, "requests"),
        (500, "server_error"),
        (503, "server_error"),
        (504, "server_error"),
    ],
)
def test_an_openai_error_has_the_four_members_its_clients_read(dialect: Dialect, status: int, kind: str) -> None:
    for param in (None, "model"):
        body = json.loads(dialect.error(ClientError(status, "word", 'a "sentence".', param)))
        assert body == {"error": {"message": 'a "sentence".', "type": kind, "code": "word", "param": param}}


@pytest.mark.parametrize("dialect", ANTHROPIC, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (405, "invalid_request_error"),
        (413, "request_too_large"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
def test_an_anthropic_error_has_the_type_of_its_status(dialect: Dialect, status: int, kind: str) -> None:
    body = json.loads(dialect.error(ClientError(status, "word", "sentence", "model")))
    assert body == {"type": "error", "error": {"type": kind, "message": "sentence"}}


@pytest.mark.parametrize(
    "dialect", [d for d in OPENAI if d.name != "openai.responses"], ids=lambda dialect: dialect.name
)
def test_an_openai_stream_gets_its_error_as_an_event_without_a_name(dialect: Dialect) -> None:
    assert event(dialect, 7) == (b"", json.loads(dialect.error(ERROR)))


def test_a_responses_stream_gets_its_error_as_a_numbered_event() -> None:
    dialect = claim("/v1/responses")
    assert dialect is not None
    described = {"type": "error", "code": ERROR.code, "message": ERROR.message, "param": "model"}
    assert event(dialect) == (b"error", {**described, "sequence_number": 0})
    assert event(dialect, 7) == (b"error", {**described, "sequence_number": 7})


@pytest.mark.parametrize("dialect", ANTHROPIC, ids=lambda dialect: dialect.name)
def test_an_anthropic_stream_gets_its_error_as_an_error_event(dialect: Dialect) -> None:
    assert event(dialect, 7) == (b"error", json.loads(dialect.error(ERROR)))
