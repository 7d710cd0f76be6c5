"""A classifier by examples: classes, and texts of none."""

from collections.abc import Callable, Sequence

import pytest

from extproc.classify.examples import ExampleClassifier, Meant, split

CLASSES = {
    "code": ["fix this function", "why does my python script crash", "write a unit test for this class"],
    "billing": ["why was my card charged twice", "send me the invoice of last month", "how do I get a refund"],
    "travel": ["book a flight to Rome", "find a hotel near the station", "what is the baggage limit"],
}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("this function crashes, fix it", "code"),
        ("my card was charged two times", "billing"),
        ("a hotel near the airport of Rome", "travel"),
    ],
)
def test_a_text_is_of_the_class_whose_examples_it_is_like(text: str, name: str) -> None:
    first, *others = ExampleClassifier(CLASSES).scores(split(text))
    assert first.name == name
    assert first.score >= 0.5
    assert all(each.score < first.score for each in others)


@pytest.mark.parametrize("text", ["", "the weather was lovely in spring", "zxqv plmk wrtn"])
def test_a_text_may_be_of_no_class(text: str) -> None:
    assert all(each.score < 0.5 for each in ExampleClassifier(CLASSES).scores(split(text)))


def test_examples_are_of_their_own_class_and_the_same_examples_give_the_same_scores() -> None:
    one, other = ExampleClassifier(CLASSES), ExampleClassifier(CLASSES)
    for name, examples in CLASSES.items():
        for example in examples:
            assert one.scores(split(example))[0].name == name
            assert one.scores(split(example)) == other.scores(split(example))


def test_a_single_class_tells_its_own_from_the_rest() -> None:
    only = ExampleClassifier({"billing": CLASSES["billing"]})
    assert only.scores(split("how do I get a refund for the invoice"))[0].score >= 0.5
    assert only.scores(split("book a flight to Rome"))[0].score < 0.5


def test_meanings_tell_classes_that_share_no_word_with_a_text() -> None:
    def meanings(classes: Sequence[Sequence[str]]) -> Callable[[str], Sequence[float]]:
        """Texts mean the same if they have the same mark."""
        marks = [{each[-1] for each in texts} for texts in classes]
        return lambda text: [float(text[-1:] in every) for every in marks]

    marked = {"code": ["fix this function!"], "billing": ["send me the invoice?"]}
    classifier = ExampleClassifier(marked, Meant(meanings, weight=2.0, steepness=8.0, even=1.85))
    text = "wholly other words?"
    first, second = classifier.scores(split(text), text)
    assert (first.name, second.name) == ("billing", "code")
    assert ExampleClassifier(marked).scores(split(text))[0].score < first.score
    assert first.score >= 0.5 > second.score
