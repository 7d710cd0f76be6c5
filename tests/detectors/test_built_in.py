"""The words of `use`."""

from extproc.detectors.built_in import BUILT_IN
from extproc.policy.guards import Guard
from extproc.policy.processors import USES, Maskable, SizeLimit


def test_each_word_of_the_policy_has_a_detector_and_each_detector_a_word() -> None:
    judges = {word: form for word, form in USES.items() if not issubclass(form, Maskable | SizeLimit | Guard)}
    assert {word: kind.options for word, kind in BUILT_IN.items()} == judges
