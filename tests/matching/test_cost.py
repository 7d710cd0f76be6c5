"""Ratios of CPU time, with wide margins: absolute figures are the bench's business."""

import random
import time
from collections.abc import Callable

import pytest

from extproc.matching.window import Window
from tests.inspection.texts import scanner
from tests.matching.test_holdback import PROSE

pytestmark = pytest.mark.measured

SIZE = 64 * 1024
CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
ADVERSARIAL = {
    "base64": "".join(random.Random(1).choices(CHARACTERS, k=SIZE)),
    "digits": "".join(random.Random(2).choices("0123456789", k=SIZE)),
    "letters": "a" * SIZE,
    "brackets": ("[{(" * SIZE)[:SIZE],
    "emoji": "😀" * (SIZE // 4),
    "one endless word": ("abcdefghij" * SIZE)[:SIZE],
    "ats": "a@" * (SIZE // 2),
    "opened tokens": ("eyJ" * SIZE)[:SIZE],
    "opened keys": ("-----BEGIN PRIVATE KEY-----" * SIZE)[:SIZE],
    "spaces": " " * SIZE,
    "identifiers": ("order_004 " * SIZE)[:SIZE],
    "keys of a service": ("a figd_T7kLmN2pQ " * SIZE)[:SIZE],
}


def _seconds(work: Callable[[], object]) -> float:
    """The least of three, in CPU time of this process."""
    times = []
    for _ in range(3):
        before = time.process_time()
        work()
        times.append(time.process_time() - before)
    return min(times)


def _stream(text: str) -> None:
    window = Window(scanner())
    for start in range(0, len(text), 32):
        window.feed(text[start : start + 32])
    window.finish()


PLAIN = (PROSE * (SIZE // len(PROSE) + 1))[:SIZE]


@pytest.mark.parametrize("text", ADVERSARIAL.values(), ids=ADVERSARIAL)
@pytest.mark.parametrize("work", [lambda text: scanner().scan(text), _stream], ids=["whole", "streamed"])
def test_no_text_costs_ten_times_as_much_as_prose(work: Callable[[str], object], text: str) -> None:
    assert _seconds(lambda: work(text)) < 10 * _seconds(lambda: work(PLAIN))


@pytest.mark.parametrize("text", [PLAIN, *ADVERSARIAL.values()], ids=["prose", *ADVERSARIAL])
def test_twice_the_text_costs_about_twice_as_much(text: str) -> None:
    # A millisecond of air for what is too quick to measure.
    assert _seconds(lambda: scanner().scan(text + text)) < 3.5 * _seconds(lambda: scanner().scan(text)) + 0.001
