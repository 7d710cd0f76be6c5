import json

import pytest

from extproc.inspection import pii
from extproc.inspection.stage import Stage
from tests.inspection.answering import answer, everything, processor, run, stage
from tests.llm.streams.client import documents
from tests.llm.streams.samples import choice, chunk, event

DIALECTS = ["openai.chat", "openai.completions", "openai.responses", "anthropic.messages", "mcp", ""]
CARD = 4012888888881881


def blocks_cards() -> Stage:
    return stage((processor(action="block"), pii.rules(("credit_card",))))


# -- long numbers


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_card_that_is_a_number_is_masked_as_a_string_in_every_dialect(dialect: str) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "result": {"structuredContent": {"card": CARD, "n": 12, "created": CARD}}}
    out = run(answer(everything(), dialect), [event(message)])
    assert out == event(message).replace(b'"card": 4012888888881881', b'"card": "[CREDIT_CARD_1]"')


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_card_that_is_a_number_is_blocked_in_every_dialect(dialect: str) -> None:
    stream = answer(blocks_cards(), dialect)
    out = run(stream, [event({"type": "response.new.delta", "choices": [{"delta": {"content": [CARD]}}]})])
    assert stream.blocked is not None
    assert b"4012" not in out
    assert "The answer was blocked." in json.dumps(documents(out))


def test_numbers_beside_pieces_of_text_are_masked_and_the_pieces_go_on() -> None:
    raws = [chunk([choice({"content": "a@b", "card": CARD})]), chunk([choice({"content": ".de ok"}, finish="stop")])]
    first, second = documents(run(answer(everything(), "openai.chat"), raws))
    assert first["choices"][0]["delta"] == {"content": "", "card": "[CREDIT_CARD_1]"}
    assert second["choices"][0]["delta"] == {"content": "[EMAIL_1] ok"}
