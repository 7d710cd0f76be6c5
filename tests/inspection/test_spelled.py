"""Members that spell a text again, token by token, in whatever API: a text that is masked takes them away."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from extproc.inspection.vault import Vault
from extproc.inspection.verdict import Blocked
from tests.apis.events.samples import event
from tests.inspection.answering import EMAIL, answer, masking, processor, run, stage
from tests.inspection.judging import judged

ADDRESS = "john.doe@example.com"
TOKENS = ("john", ".doe", "@", "example", ".com")
WORDS = ("nothing", " of", " anyone", " here")
Tokens = tuple[str, ...]


def octets(token: str) -> list[int]:
    return list(token.encode())


def each(tokens: Tokens, **more: Any) -> list[dict[str, Any]]:
    return [{"token": token, "logprob": -0.1, "bytes": octets(token), **more} for token in tokens]


WHOLE: dict[str, Callable[[str, Tokens], Any]] = {
    "gemini": lambda text, tokens: {
        "candidates": [
            {
                "content": {"parts": [{"text": text}]},
                "logprobsResult": {
                    "chosenCandidates": [{"token": token} for token in tokens],
                    "topCandidates": [{"candidates": [{"token": token}]} for token in tokens],
                },
            }
        ]
    },
    "llama.cpp": lambda text, tokens: {"content": text, "stop": True, "completion_probabilities": each(tokens)},
    "llama.cpp, before": lambda text, tokens: {
        "content": text,
        "stop": True,
        "completion_probabilities": [{"content": token, "probs": [{"tok_str": token}]} for token in tokens],
    },
    "tgi": lambda text, tokens: [
        {"generated_text": text, "details": {"tokens": [{"id": 1, "text": token} for token in tokens]}}
    ],
    "vllm": lambda text, tokens: {
        "choices": [{"message": {"content": text}}],
        "prompt_logprobs": [None, *({"1": {"decoded_token": token, "rank": 1}} for token in tokens)],
    },
    "sglang": lambda text, tokens: {
        "text": text,
        "meta_info": {"id": "a", "output_token_logprobs": [[-0.1, 1, token] for token in tokens]},
    },
    "ollama": lambda text, tokens: {"response": text, "done": True, "logprobs": each(tokens)},
    "reasoning": lambda text, tokens: {
        "choices": [{"message": {"content": "", "reasoning_content": text}, "logprobs": {"content": each(tokens)}}]
    },
    "another case": lambda text, tokens: {
        "choices": [{"message": {"content": text}, "Logprobs": {"content": each(tokens)}}]
    },
    "words": lambda text, tokens: {"text": text, "words": [{"word": token.strip(), "start": 0.5} for token in tokens]},
}


@pytest.mark.parametrize("name", WHOLE)
def test_what_spells_a_masked_text_goes_with_it(name: str) -> None:
    body = json.dumps(WHOLE[name](ADDRESS, TOKENS)).encode()
    verdict = judged(masking(), body, Vault(), blocks_unread=True, name="pipeline")
    assert verdict.blocked is None
    assert b"[EMAIL_1]" in verdict.body
    assert b".doe" not in verdict.body
    assert str(octets(".doe")).encode() not in verdict.body


@pytest.mark.parametrize("name", WHOLE)
def test_what_spells_a_text_that_stays_stays_as_well(name: str) -> None:
    body = json.dumps(WHOLE[name]("".join(WORDS), WORDS)).encode()
    assert judged(masking(), body, Vault(), blocks_unread=True, name="pipeline").body is body


@pytest.mark.parametrize("name", sorted(set(WHOLE) - {"words"}))
def test_a_value_that_is_only_spelled_is_found(name: str) -> None:
    body = json.dumps(WHOLE[name]("".join(WORDS), TOKENS)).encode()
    verdict = judged(masking(), body, Vault(), blocks_unread=True, name="pipeline")
    assert sum(verdict.counts.values()) >= 1
    assert b".doe" not in verdict.body


@pytest.mark.parametrize(
    "document",
    [
        {"text": ADDRESS, "words": ["john", ".doe"]},
        {"text": ADDRESS, "words": [{"word": "john"}, {"end": 1}]},
        {"generated_text": ADDRESS, "details": {"tokens": ["john", ".doe"], "reason": "length"}},
        {"generated_text": ADDRESS, "details": {"finish_reason": "length"}},
    ],
    ids=str,
)
def test_members_of_another_form_stay(document: dict[str, Any]) -> None:
    body = json.dumps(document).encode()
    verdict = judged(masking(), body, Vault(), name="pipeline", blocks_unread=False)
    assert verdict.body == body.replace(ADDRESS.encode(), b"[EMAIL_1]")


def test_what_spells_a_text_is_found_inside_of_what_has_only_the_name() -> None:
    inner: Any = {"generated_text": ADDRESS, "details": {"tokens": [{"text": token} for token in TOKENS]}}
    body = json.dumps({"words": [{"word": "a"}, {"details": [1], "words": {"answer": inner}}]}).encode()
    verdict = judged(masking(), body, Vault(), name="pipeline", blocks_unread=True)
    assert b".doe" not in verdict.body


STREAMED: dict[str, Callable[[str], Any]] = {
    "gemini": lambda token: {
        "candidates": [
            {
                "content": {"parts": [{"text": token}]},
                "logprobsResult": {
                    "chosenCandidates": [{"token": token}],
                    "topCandidates": [{"candidates": [{"token": token}]}],
                },
            }
        ]
    },
    "llama.cpp": lambda token: {
        "content": token,
        "stop": False,
        "completion_probabilities": each((token,), top_logprobs=each((token,))),
    },
    "llama.cpp, before": lambda token: {
        "content": token,
        "stop": False,
        "completion_probabilities": [{"content": token, "probs": [{"tok_str": token}]}],
    },
    "tgi": lambda token: {
        "token": {"id": 1, "text": token},
        "top_tokens": [{"id": 1, "text": token}],
        "generated_text": None,
    },
    "ollama": lambda token: {"response": token, "done": False, "logprobs": each((token,))},
    "reasoning": lambda token: {
        "choices": [{"index": 0, "delta": {"reasoning_content": token}, "logprobs": {"content": each((token,))}}]
    },
    "another case": lambda token: {
        "choices": [{"index": 0, "delta": {"content": token}, "Logprobs": {"content": each((token,))}}]
    },
}


@pytest.mark.parametrize("name", STREAMED)
def test_in_a_stream_what_spells_a_masked_text_goes_with_it(name: str) -> None:
    stream = answer(masking(), "")
    out = run(stream, [event(STREAMED[name](token)) for token in (*TOKENS, *WORDS)])
    assert not stream.unread
    assert sum(stream.counts.values()) == 1
    assert b"[EMAIL_1]" in out
    assert b".doe" not in out
    assert str(octets(".doe")).encode() not in out


@pytest.mark.parametrize("name", STREAMED)
def test_in_a_stream_what_spells_a_text_that_stays_stays_as_well(name: str) -> None:
    raws = [event(STREAMED[name](token)) for token in WORDS]
    assert run(answer(masking(), ""), raws) == b"".join(raws)


def _token(said: str, **more: Any) -> dict[str, Any]:
    return {"token": "hm", "logprob": -1, "bytes": octets(said), **more}


BY_BYTES: dict[str, list[list[dict[str, Any]]]] = {
    "one token": [[_token(ADDRESS)]],
    "tokens of one event": [[_token(each) for each in TOKENS]],
    "tokens of two events": [[_token("to john.doe@exam")], [_token("ple.com now")]],
    "an alternative": [[{"token": "hm", "top_logprobs": [_token(ADDRESS)]}]],
    "numbers with a point": [[{"bytes": [float(each) for each in ADDRESS.encode()]}]],
}


@pytest.mark.parametrize("name", BY_BYTES)
def test_bytes_of_tokens_are_read_whatever_the_tokens_say(name: str) -> None:
    events = BY_BYTES[name]
    of = stage((processor(0, action="block"), EMAIL))
    choices = [{"delta": {"content": "hm"}, "logprobs": {"content": tokens}} for tokens in events]
    stream = answer(of, "openai.chat")
    run(stream, [event({"choices": [each]}) for each in choices])
    message = {"message": {"content": "hm"}, "logprobs": {"content": [each for tokens in events for each in tokens]}}
    whole = judged(of, json.dumps({"choices": [message]}).encode())
    assert stream.blocked == whole.blocked == Blocked("p0", "finding")
    masked = run(answer(masking(), "openai.chat"), [event({"choices": [each]}) for each in choices])
    assert str(octets("doe@"))[1:-1].encode() not in masked.replace(b".0", b"")


def test_half_a_character_in_bytes_changes_nothing() -> None:
    halves = ("\U0001f600".encode()[:2], "\U0001f600".encode()[2:])
    tokens = [{"token": repr(half)[2:-1], "bytes": list(half)} for half in halves]
    said = zip(("", "\U0001f600"), tokens, strict=True)
    raws = [event({"choices": [{"delta": {"content": text}, "logprobs": {"content": [each]}}]}) for text, each in said]
    assert run(answer(masking(), "openai.chat"), raws) == b"".join(raws)
