"""Meanings of sentences with the extra `models`: intents whose words no example has. Skipped where it is missing."""

from importlib.util import find_spec

import pytest

from extproc.detectors.contract import DetectorError
from extproc.policy.intents import Intents
from extproc.signals.intent import intent_of, sentences
from tests.gathered import gathered

HERE = all(find_spec(name) for name in ("numpy", "onnxruntime", "tokenizers", "stackone_defender"))
extra = pytest.mark.skipif(not HERE, reason="the extra `models` is not installed (requirements/models.txt)")

OWN = Intents.model_validate({
    "code": ["fix this function", "why does this code fail", "write a python script", "debug my program"],
    "billing": ["why was my card charged twice", "send me the invoice", "how do I get a refund", "cancel my plan"],
    "scorer": "minilm",
})  # fmt: skip


@extra
@gathered(
    ("text", "intent"),
    [
        ("There is a bug in my software, please repair it", "code"),
        ("You took the money from my account two times this month", "billing"),
        ("Will it rain in Paris tomorrow?", "none"),
        ("Tell me a story about a dragon", "none"),
        ("", "none"),
    ],
)
def test_meanings_tell_a_class_whose_words_no_example_has(text: str, intent: str) -> None:
    assert intent_of(OWN)(text) == intent


@extra
def test_a_class_of_a_single_example_is_told() -> None:
    own = Intents.model_validate({"code": ["fix this function"], "billing": ["send me the invoice"]})
    assert intent_of(own)("please repair this function") == "code"


@extra
def test_another_map_than_the_one_that_was_built_in_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentences, "SHA256", "0" * 64)
    with pytest.raises(DetectorError, match="not that of this version"):
        sentences.loaded.__wrapped__()
