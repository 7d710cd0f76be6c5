"""Whatever a file holds, it is a policy or told what is wrong with it: no other error comes out."""

from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from extproc.policy import PolicyError, Problem, loads
from extproc.policy.document import UnreadableError, decode
from extproc.policy.prose import EXAMPLE
from tests.policy.texts import GOOD

ROOT_KEYS = ["version", "backends", "models", "limits", "steering", "health", "default_backend", "rules"]
BACKEND_KEYS = ["name", "url", "api", "credential", "bearer", "header", "file", "env", "tls", "sni", "sans"]
OTHER_KEYS = ["targets", "fallback", "backend", "model", "weight", "request_body", "request_timeout", "failures"]
PIPELINE_KEYS = ["pipelines", "request", "response", "use", "on_failure", "when", "match", "path", "kinds", "literals"]
KEYS = st.sampled_from([*ROOT_KEYS, *BACKEND_KEYS, *OTHER_KEYS, *PIPELINE_KEYS])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["openai", "client", "http://a", "https://a/v1", "1", "2MiB", "10s", "reject", "a", "on", "x-a"]),
    st.sampled_from(["pii", "size", "pattern", "tools > 0", "/v1", "email"]),
)
DATA: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=6),
    max_leaves=25,
)
TEXT = st.text(st.sampled_from("ab:-[]{},&*!|>'\"#%@`? \n\t0123\x00\u2028é<"), max_size=60)


def problems(text: str) -> tuple[Problem, ...]:
    try:
        loads(text)
    except PolicyError as error:
        return error.problems
    return ()


def judged(text: str) -> None:
    """The text is a policy, or every problem of it is one that a person can mend."""
    for problem in problems(text):
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.message
        assert problem.mend
        assert str(problem)


@given(TEXT)
def test_any_text_is_a_policy_or_a_policy_error(text: str) -> None:
    judged(text)


@given(DATA)
def test_any_data_is_a_policy_or_a_policy_error(data: Any) -> None:
    judged(flow(data))


@given(st.integers(0, len(GOOD)), st.integers(0, 12), TEXT)
def test_any_slip_of_the_keyboard_is_a_policy_or_a_policy_error(at: int, gone: int, typed: str) -> None:
    judged(GOOD[:at] + typed + GOOD[at + gone :])


@given(st.integers(EXAMPLE.index("pipelines:"), len(EXAMPLE)), st.integers(0, 12), TEXT)
def test_any_slip_in_a_pipeline_is_a_policy_or_a_policy_error(at: int, gone: int, typed: str) -> None:
    judged(EXAMPLE[:at] + typed + EXAMPLE[at + gone :])


@given(st.binary(max_size=80))
def test_any_bytes_are_a_text_or_unreadable(raw: bytes) -> None:
    with suppress(UnreadableError):
        judged(decode(raw))


def flow(data: Any) -> str:
    """Data as YAML in flow style, every text in quotes or bare as it comes."""
    match data:
        case dict():
            return "{" + ", ".join(f"{flow(key)}: {flow(value)}" for key, value in data.items()) + "}"
        case list():
            return "[" + ", ".join(map(flow, data)) + "]"
        case str() if data.isalnum():
            return data
        case str():
            return "'" + data.replace("'", "''") + "'"
        case None:
            return "~"
        case _:
            return str(data).lower()
