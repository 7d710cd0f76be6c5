import json
from typing import Any

import pytest

from extproc.apis import Api, ApiRequestPath, current
from extproc.apis.registry import BUILT_IN
from extproc.payload.sse import Reader
from extproc.protocol.errors import ClientError
from tests.gathered import gathered

ERROR = ClientError(404, "model_not_found", 'No "such" model\n.', "model")
CLAIMED = [api for api in BUILT_IN if api.paths]
OPENAI = [api for api in CLAIMED if api.family.name == "openai"]
ANTHROPIC = [api for api in CLAIMED if api.family.name == "anthropic"]


def claimed(api: Api) -> ApiRequestPath:
    found = current().claim(api.paths[0])
    assert found is not None
    return found


def event(api: Api, sequence: int = 0) -> tuple[bytes, Any]:
    """The one event that a stream gets for an error, as a client reads it."""
    found = Reader().feed(api.error_event(ERROR, sequence))
    assert len(found) == 1
    assert found[0].data is not None
    return found[0].name, json.loads(found[0].data)


@pytest.mark.parametrize(
    ("path", "name", "family", "operation"),
    [
        ("/v1/chat/completions", "openai.chat", "openai", "chat"),
        ("/v1/completions", "openai.completions", "openai", "text_completion"),
        ("/v1/embeddings", "openai.embeddings", "openai", "embeddings"),
        ("/v1/responses", "openai.responses", "openai", "chat"),
        ("/v1/messages", "anthropic.messages", "anthropic", "chat"),
        ("/v1/messages/count_tokens", "anthropic.count_tokens", "anthropic", "count_tokens"),
    ],
)
def test_each_path_is_claimed_by_its_api(path: str, name: str, family: str, operation: str) -> None:
    claimed = current().claim(path)
    assert claimed is not None
    api = claimed.api
    assert (api.name, api.family.name, api.operation, claimed.path) == (name, family, operation, path)
    assert api.claim(path) == claimed
    assert current().named(name) is api


@pytest.mark.parametrize("api", CLAIMED, ids=lambda api: api.name)
def test_every_api_reads_the_model(api: Api) -> None:
    asked = api.read_request(b'{"model":"m","stream":true}', claimed(api))
    assert (asked.model, asked.model_span, asked.stream) == ("m", (9, 12), True)


@pytest.mark.parametrize("api", CLAIMED, ids=lambda api: api.name)
def test_every_api_refuses_a_body_without_a_model(api: Api) -> None:
    with pytest.raises(ClientError, match="model") as caught:
        api.read_request(b'{"prompt":{"id":"pmpt_1"}}', claimed(api))
    assert (caught.value.status, caught.value.code, caught.value.param) == (400, "missing_model", "model")


@gathered("api", OPENAI, ids=lambda api: api.name)
@gathered(
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
def test_an_openai_error_has_the_four_members_its_clients_read(api: Api, status: int, kind: str) -> None:
    for param in (None, "model"):
        body = json.loads(api.error(ClientError(status, "word", 'a "sentence".', param)))
        assert body == {"error": {"message": 'a "sentence".', "type": kind, "code": "word", "param": param}}


@gathered("api", ANTHROPIC, ids=lambda api: api.name)
@gathered(
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
def test_an_anthropic_error_has_the_type_of_its_status(api: Api, status: int, kind: str) -> None:
    body = json.loads(api.error(ClientError(status, "word", "sentence", "model")))
    assert body == {"type": "error", "error": {"type": kind, "message": "sentence"}}


@pytest.mark.parametrize("api", [each for each in OPENAI if each.name != "openai.responses"], ids=lambda api: api.name)
def test_an_openai_stream_gets_its_error_as_an_event_without_a_name(api: Api) -> None:
    assert event(api, 7) == (b"", json.loads(api.error(ERROR)))


def test_a_responses_stream_gets_its_error_as_a_numbered_event() -> None:
    api = current().named("openai.responses")
    assert api is not None
    described = {"type": "error", "code": ERROR.code, "message": ERROR.message, "param": "model"}
    assert event(api) == (b"error", {**described, "sequence_number": 0})
    assert event(api, 7) == (b"error", {**described, "sequence_number": 7})


@pytest.mark.parametrize("api", ANTHROPIC, ids=lambda api: api.name)
def test_an_anthropic_stream_gets_its_error_as_an_error_event(api: Api) -> None:
    assert event(api, 7) == (b"error", json.loads(api.error(ERROR)))
