import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.inspection.vault import Vault
from tests.apis.events.client import replaced
from tests.apis.events.samples import STREAMS
from tests.conftest import PROFILE
from tests.gathered import gathered
from tests.inspection.answering import answer, blocking, cut, everything, masking, run, said
from tests.inspection.texts import EXAMPLES, GLUE

VALUE = "bob@example.com"
NAMES = list(STREAMS)
TEXTS = (
    ("Hello bo", "b@", "exam", "ple.c", "om and", " bye"),
    ("b", "o", "b", "@", "e", "xample", ".", "com"),
    ("mail: ", "", VALUE, " or " + VALUE, ".", ""),
    ("naïve “quotes” \\ and\n", "人工 ", VALUE, " 😀"),
    ("nothing", " at all"),
    (),
)


@gathered("name", NAMES)
@gathered("pieces", TEXTS)
def test_a_value_cut_over_events_is_masked_in_every_text_and_nothing_else_is_changed(
    name: str, pieces: tuple[str, ...]
) -> None:
    dialect, make = STREAMS[name]
    stream = b"".join(make(pieces))
    out = run(answer(masking(), dialect), [stream])
    assert VALUE.encode() not in out
    assert said(dialect, out) == replaced(said(dialect, stream), VALUE, "[EMAIL_1]")


@pytest.mark.parametrize("name", NAMES)
def test_texts_to_which_nobody_can_object_leave_byte_for_byte(name: str) -> None:
    dialect, make = STREAMS[name]
    stream = b"".join(make(("Hello ", 'there "you" \\ ', "and 😀 \n")))
    for step in (1, 7, len(stream)):
        chunks = [stream[at : at + step] for at in range(0, len(stream), step)]
        assert run(answer(None, dialect), chunks) == stream
        assert run(answer(None, dialect, Vault()), chunks) == stream


CUTS = 40 if PROFILE == "fast" else 80
"""Places in a stream where it is cut in two; it is also cut behind each byte at once."""


@gathered("name", NAMES, parts=3)
@gathered("end", ["\n", "\r\n", "\r"])
def test_a_cut_anywhere_gives_what_the_whole_gives(name: str, end: str) -> None:
    dialect, make = STREAMS[name]
    stream = b"".join(make(("x bob@exam", "ple.com 人"))).replace(b"\n", end.encode())
    expected = run(answer(masking(), dialect), [stream])
    assert VALUE.encode() not in expected
    for at in range(0, len(stream), 1 + len(stream) // CUTS):
        assert run(answer(masking(), dialect), cut(stream, [at])) == expected
    assert run(answer(masking(), dialect), cut(stream, range(1, len(stream)))) == expected


RUNS = 100_000
DEEP = (
    *EXAMPLES,
    *GLUE,
    "[EMAIL_1]",
    "[EMA",
    "IL_1]",
    '"',
    "\\",
    "\n",
    " ssn 536-22",
    "-1847 ",
    "bob@exam",
    "ple.com ",
)


def _own() -> Vault:
    made = Vault()
    made.placeholder("email", 'own"\\@value.org')
    return made


WORDS = (
    "bob@example",
    ".com",
    " ",
    "a@b.de",
    "x",
    "[EMAIL_1]",
    "[EMA",
    "IL_2]",
    "é",
    '"',
    "\\",
    "\n",
    "😀",
    "12 ",
    "4",
)


@given(
    st.sampled_from(NAMES),
    st.lists(st.lists(st.sampled_from(WORDS), max_size=3).map("".join), max_size=8),
    st.booleans(),
    st.data(),
)
def test_any_text_is_masked_and_restored_whatever_it_is_cut_into(
    name: str, pieces: list[str], masked: bool, data: st.DataObject
) -> None:
    dialect, make = STREAMS[name]
    stream = b"".join(make(pieces))

    def vault() -> Vault | None:
        return _own() if masked else None

    expected = run(answer(everything(), dialect, vault()), [stream])
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=6))
    assert run(answer(everything(), dialect, vault()), cut(stream, cuts)) == expected


@pytest.mark.parametrize("name", NAMES)
def test_arguments_of_tools_stay_json_with_masks_and_restored_values_in_them(name: str) -> None:
    dialect, make = STREAMS[name]
    vault = Vault()
    vault.placeholder("email", 'a"b\\@c.de')
    stream = b"".join(make(("[EMA", 'IL_1] "bob@', "exam", 'ple.com"\n', "[EMAIL_3]")))
    out = run(answer(masking(), dialect, vault), [stream])
    expected = replaced(said(dialect, stream), VALUE, "[EMAIL_2]")
    restored = replaced(expected, "[EMAIL_1]", 'a"b\\@c.de')
    if "tools" in name or dialect in {"openai.responses", "anthropic.messages"}:
        # In JSON text the value stands with its escapes.
        assert json.dumps(json.dumps('a"b\\@c.de')[1:-1])[1:-1].encode() in out
    else:
        assert said(dialect, out) == restored


@pytest.mark.deep
@pytest.mark.parametrize("name", NAMES)
def test_a_hundred_thousand_random_cuts_give_what_the_whole_gives(name: str) -> None:
    dialect, make = STREAMS[name]
    source = random.Random(name)
    # With the other dialects' 100,000 runs; each has up to six cuts.
    for _ in range(1 + RUNS // len(NAMES) // 50):
        pieces = ["".join(source.choices(DEEP, k=source.randint(1, 3))) for _ in range(source.randint(1, 5))]
        stream = b"".join(make(pieces))
        expected = run(answer(blocking(), dialect, _own()), [stream])
        for _ in range(50):
            cuts = [source.randrange(len(stream) + 1) for _ in range(source.randint(1, 6))]
            one, out = answer(blocking(), dialect, _own()), b""
            for chunk in cut(stream, cuts):
                out += one.feed(chunk)
                assert expected.startswith(out)
            assert out + one.close() == expected
