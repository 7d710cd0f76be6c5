"""Where code points stand among escapes: what counting in stretches finds, found one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.payload.json import spelling
from tests.gathered import gathered
from tests.payload.texts import SHORT, spelt

Spelling = list[tuple[str, str]]
RUNS = st.sampled_from(["\\", "\\\\", '\\"', "a", "aa", "😀", "\n", "\ud83d", "\ude00", "\\ud83d", "\\ude00", "é\\"])


@st.composite
def spellings(draw: st.DrawFn) -> Spelling:
    """A text in which no two halves of a pair stand side by side, as their escapes would be one character."""
    text = "".join(draw(st.lists(RUNS, max_size=30)))
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass") == text
    return [(char, draw(spelt(char))) for char in text if whole or not "\ud800" <= char <= "\udfff"]


def reckoned(written: Spelling, points: list[int], start: int) -> list[int]:
    offsets = [start]
    for _, spelled in written:
        offsets.append(offsets[-1] + len(spelled))
    return [offsets[point] for point in points]


@pytest.fixture(params=[1, 3, 8, 40])
def _stretch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spelling, "STRETCH", request.param)
    monkeypatch.setattr(spelling, "NEAR", 1)


@pytest.mark.usefixtures("_stretch")
def test_code_points_are_found_however_long_the_stretches_are() -> None:
    @given(spellings(), st.data())
    def found(written: Spelling, data: st.DataObject) -> None:
        points = sorted(data.draw(st.sets(st.integers(0, len(written)), max_size=5)))
        text = "".join(spelled for _, spelled in written)
        source = f'["{text}" ,"\\\\"]'
        assert spelling.offsets(source, 2, 2 + len(text), points) == reckoned(written, points, 2)

    found()


@gathered("char", ["\n", '"', "\\", "😀", "\ud83d", "x"])
@gathered("size", [spelling.STRETCH - 1, spelling.STRETCH, 5 * spelling.STRETCH])
def test_code_points_behind_many_escapes_are_found(char: str, size: int) -> None:
    units = char.encode("utf-16-be", "surrogatepass")
    escape = "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))
    for spelled in {escape, SHORT.get(char, escape)}:
        written = [(char, spelled)] * size
        points = [0, 1, size // 2, size - 1, size]
        text = spelled * size
        assert spelling.offsets(text + '"', 0, len(text), points) == reckoned(written, points, 0)
