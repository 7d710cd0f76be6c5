"""Processors of plug-ins in the operator's file: validated by the plug-in's own model, with the policy's errors."""

import pickle
from collections.abc import Callable

import pytest

from extproc.detectors import (
    Detector,
    DetectorError,
    DetectorKind,
    DetectorOptions,
    DetectorRegistrationError,
    RemoteDetector,
    ScoredDetector,
    current,
    register,
    registered,
)
from extproc.policy import PolicyError, UnusableError, drafted, loads
from extproc.policy.model import Policy
from extproc.policy.problems import Problem
from extproc.server.policies import Sealed
from extproc.transaction import Plan
from extproc.transaction.prepared import prepare
from tests.seams.playing import BASE
from tests.seams.toys import BADGE, SHOUTING, TOYS, RemoteGuard, Shouting


def written(*processors: str, side: str = "request") -> str:
    return BASE + f"  - name: p\n    {side}:\n" + "".join(f"      - {each}\n" for each in processors)


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(PolicyError) as caught:
        loads(text)
    return caught.value.problems


def test_the_options_of_a_plug_in_are_read_and_the_name_is_the_word_in_use() -> None:
    (found,) = loads(written("{use: shouting, threshold: 0.5, timeout: 20ms, on_failure: allow}")).pipelines[0].request
    assert isinstance(found, Shouting)
    assert (found.name, found.threshold, found.timeout, found.blocks_on_failure) == ("shouting", 0.5, 0.02, False)


@pytest.mark.parametrize(
    ("processor", "path", "message", "mend"),
    [
        ("{use: shouting, treshold: 0.5}", "treshold", "there is no field treshold here", "did you mean threshold?"),
        ("{use: shouting, threshold: 2}", "threshold", "at most 1", "at most 1"),
        ("{use: shouting, threshold: high}", "threshold", "a number belongs here", "without quotes"),
        ("{use: toy-guard, words: titan}", "words", "a list belongs here", "after a dash"),
        ("{use: toy-guard, action: stop}", "action", "this is none of", "write report or mask or block"),
        ("{use: shoutin}", "use", "there is no such processor", "did you mean shouting?"),
        (
            "{use: nothing-like-it}",
            "use",
            "there is no such processor",
            "pii, secrets, pattern, size, injection, leaked_prompt",
        ),
        ("{action: mask}", "", "a processor says what it uses", "toy-guard"),
        ("{use: toy-guard, on_failure: nobody}", "on_failure", "there is no processor nobody", "known here"),
    ],
)
def test_what_is_wrong_with_a_processor_of_a_plug_in_is_told_with_its_line_and_mend(
    processor: str, path: str, message: str, mend: str
) -> None:
    (problem,) = problems(written("{use: pii}", processor))
    assert problem.path == f"pipelines[0].request[1]{'.' * bool(path)}{path}"
    assert problem.line == 9
    assert message in problem.message
    assert mend in problem.mend


def test_one_run_tells_what_is_wrong_with_plug_ins_and_with_the_rest() -> None:
    found = problems(written("{use: shouting, x: 1}", "{use: pii, y: 2}"))
    assert [problem.path for problem in found] == ["pipelines[0].request[0].x", "pipelines[0].request[1].y"]


def test_a_policy_with_plug_ins_goes_to_a_worker_and_is_told_apart_by_their_options() -> None:
    first, second = (loads(written(f"{{use: shouting, threshold: {each}}}")) for each in (0.5, 0.6))
    sealed = Sealed(pickle.dumps(first), {}).open()
    assert sealed.pipelines[0].request is not None
    assert [each.name for each in sealed.pipelines[0].request.offloaded] == ["shouting"]
    assert first.model_dump_json() != second.model_dump_json()
    assert Policy.model_validate(first) == first


def test_a_plug_in_that_is_not_installed_where_the_policy_is_compiled_is_told_with_its_place() -> None:
    own = DetectorKind("other", DetectorOptions, lambda _: RemoteDetector(("x",), RemoteGuard(()).judge))
    text = written("{use: pii}", "{use: other}")
    with registered(own):
        policy = loads(text)
    with pytest.raises(UnusableError) as caught:
        Plan.compile(policy, {})
    (part,) = caught.value.parts
    assert part.where == ("pipelines", 0, "request", 1, "use")
    assert part.message == "no detector other is installed here"
    assert "there is no such processor" in problems(text)[0].message


def fails(error: Exception) -> Callable[[object], Detector]:
    def make(_: object) -> Detector:
        raise error

    return make


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (fails(DetectorError("the model is not on this machine")), "the model is not on this machine"),
        (fails(RuntimeError("planted-marker")), "RuntimeError while broken was made"),
        (lambda _: "no detector", "broken made no detector"),
        (lambda _: ScoredDetector("risk", lambda _: 0.0, 0.0), "a threshold is above 0 and at most 1"),
        (lambda _: RemoteDetector((), RemoteGuard(()).judge), "a detector has 1 to 64 kinds of findings"),
        (lambda _: RemoteDetector(("a kind",), RemoteGuard(()).judge), "a kind is written like jailbreak"),
    ],
)
def test_a_broken_plug_in_is_an_error_at_check_with_the_line(make: Callable[[object], Detector], message: str) -> None:
    with registered(DetectorKind("broken", DetectorOptions, make)), pytest.raises(PolicyError) as caught:
        prepare(drafted(written("{use: pii}", "{use: broken}")), None, lambda *_: b"")
    (problem,) = caught.value.problems
    assert (problem.line, problem.path) == (9, "pipelines[0].request[1].use")
    assert message in problem.message
    assert "planted-marker" not in str(caught.value.problems)


def test_a_detector_is_made_once_for_each_processor_that_uses_it() -> None:
    made: list[DetectorOptions] = []

    def make(options: DetectorOptions) -> Detector:
        made.append(options)
        return ScoredDetector("risk", lambda _: 0.0, 0.5)

    with registered(DetectorKind("costly", DetectorOptions, make)):
        prepare(drafted(written("{use: costly}", "{use: costly, name: second}", "{use: pii}")), None, lambda *_: b"")
    assert [each.name for each in made] == ["costly", "second"]


def test_every_broken_plug_in_of_a_list_is_told() -> None:
    with registered(DetectorKind("broken", DetectorOptions, fails(DetectorError("no model")))):
        text = written("{use: broken}", "{use: broken, name: second}")
        with pytest.raises(PolicyError) as caught:
            prepare(drafted(text), None, lambda *_: b"")
    assert [each.path for each in caught.value.problems] == [f"pipelines[0].request[{at}].use" for at in range(2)]


def test_the_sentence_of_a_plug_in_reaches_the_operator() -> None:
    with pytest.raises(PolicyError) as caught:
        prepare(drafted(written("{use: shouting, threshold: 0.05}")), None, lambda *_: b"")
    assert "write a threshold of at least 0.1" in caught.value.problems[0].message


def test_rules_of_a_plug_in_that_cannot_be_compiled_are_told_with_their_place() -> None:
    text = written("{use: badge, prefix: 'B', allow: {patterns: ['(']}}")
    with pytest.raises(PolicyError) as caught:
        prepare(drafted(text), None, lambda *_: b"")
    assert [each.path for each in caught.value.problems] == ["pipelines[0].request[0].allow.patterns[0]"]


@pytest.mark.parametrize("use", ["pii", "Upper", "a b", "", "block", "x" * 257])
def test_a_word_that_is_taken_or_none_cannot_be_registered(use: str) -> None:
    with pytest.raises(DetectorRegistrationError):
        register(DetectorKind(use, Shouting, SHOUTING.make))
    assert current().named(use) is None


def test_the_same_word_cannot_be_registered_twice_nor_options_that_are_none() -> None:
    with pytest.raises(DetectorRegistrationError, match="same word"):
        register(BADGE)
    with pytest.raises(DetectorRegistrationError, match="no DetectorOptions"):
        register(DetectorKind("other", dict, SHOUTING.make))  # type: ignore[arg-type]
    assert [current().named(each.use) for each in TOYS] == list(TOYS)
