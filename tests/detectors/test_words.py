"""The tables of words: a file for each language, which its speakers can correct."""

import gzip
import json
import re
from collections import Counter
from pathlib import Path

import pytest
import re2

from extproc.detectors import pii
from extproc.detectors.naming import spelled
from extproc.detectors.pii import words
from tests.gathered import gathered
from tests.inspection.texts import scanner

DATES = {
    "ar": "ولدت في 5 مايو 1980",
    "fa": "تاریخ تولد: 5/5/1980",
    "vi": "Tôi sinh ngày 5/5/1980.",
    "th": "วันเกิด 5/5/1980",
    "ms": "Saya dilahirkan pada 5 Mei 1980.",
    "hu": "1980.05.05-én születtem.",
    "hr": "Rođen sam 5. svibnja 1980.",
    "he": "נולדתי ב 5.5.1980",
    "bg": "Роден съм на 5 май 1980.",
    "cs": "Narodil jsem se 5. května 1980.",
    "da": "Jeg er født den 5. maj 1980.",
    "de": "Ich bin am 5. Mai 1980 geboren.",
    "el": "Γεννήθηκα στις 5 Μαΐου 1980.",
    "en": "I was born on May 5th, 1980.",
    "es": "Nací el 5 de mayo de 1980.",
    "fi": "Olen syntynyt 5. toukokuuta 1980.",
    "fr": "Je suis née le 5 mai 1980.",
    "hi": "मेरी जन्मतिथि 5 मई 1980 है।",
    "it": "Sono nato il 5 maggio 1980.",
    "ja": "生年月日は1980年5月5日です。",
    "ko": "생년월일은 1980년 5월 5일입니다.",
    "nl": "Ik ben geboren op 5 mei 1980.",
    "pl": "Urodziłam się 5 maja 1980 r.",
    "pt": "Nasci em 5 de maio de 1980.",
    "ro": "M-am născut la 5 mai 1980.",
    "ru": "Я родился 5 мая 1980 года.",
    "sv": "Jag är född 5 maj 1980.",
    "tr": "Doğum tarihim 5 May\u0131s 1980.",
    "zh": "我的出生日期是1980年5月5日。",
}

SHARED_WORDS = {"call", "national_id", "it_partita_iva", "pl_nip", "my_number", "ph_tin_grouped"}
SHARED_WORDS |= {"document_grouped", "co_cc", "cl_run"}
"""Lists that are no kind's own."""


def kinds(text: str) -> set[str]:
    return {span.kind for span in scanner().scan(text)}


@gathered("language", [each.__name__.rpartition(".")[2] for each in words.LANGUAGES])
def test_a_date_of_birth_is_found_in_every_language(language: str) -> None:
    assert "date_of_birth" in kinds(DATES[language])


@gathered("each", words.LANGUAGES, ids=lambda each: each.__name__.rpartition(".")[2])
def test_a_table_has_words_of_known_kinds_and_no_word_twice(each: object) -> None:
    table: dict[str, str] = each.WORDS  # type: ignore[attr-defined]
    assert set(table) <= {*pii.KINDS, *SHARED_WORDS, "years_old", "postal_code", "account_number"}
    for listed in map(words.listed, table.values()):
        assert listed
        assert len(listed) == len(set(listed))


def test_marks_on_letters_are_parts_of_names() -> None:
    assert any(span.kind == "date_of_birth" for span in scanner().scan("22/12/1991", spelled("जन्म_तिथि")))
    assert any(span.kind == "date_of_birth" for span in scanner().scan("22/12/1991", spelled("d_o_b")))


@pytest.mark.parametrize(
    "name", ["date_of_birth", "dateOfBirth", "date-of-birth", "DATE_OF_BIRTH", "birth_date", "userBirthDate"]
)
def test_a_name_is_the_same_words_in_every_case(name: str) -> None:
    for text in (f"{name}: 22/12/1991", f"{name}=22/12/1991", f"<{name}>22/12/1991</{name}>", f"--{name} 22/12/1991"):
        assert "date_of_birth" in kinds(text), text
    assert any(span.kind == "date_of_birth" for span in scanner().scan("22/12/1991", spelled(name)))


@pytest.mark.parametrize(
    "name", ["created_date", "passport_expiry_date", "calls", "office", "phone_count", "contact_id"]
)
def test_a_name_of_times_counts_and_things_tells_nothing(name: str) -> None:
    for value in ("22/12/1991", "2813882583", "AB1234567"):
        assert scanner().scan(value, spelled(name)) == []


@pytest.mark.parametrize(
    "text",
    [
        "l'année 10/5/2024 ne compte pas",
        "hôtel 12345678",
        "iPhone 12345678",
        "a telemetry 1234567890 reading",
        f"anne{' ' * 46}10/5/2024",
        f"airborne{'.' * 44}10/5/2024",
    ],
)
def test_a_part_of_a_word_is_no_word(text: str) -> None:
    assert kinds(text) == set()


def test_accents_may_be_left_out_of_words_that_are_long_enough() -> None:
    assert kinds("telefono: 371 5260189") == kinds("teléfono: 371 5260189") == {"phone"}
    assert kinds("ne 10/5/1971") == set()
    assert kinds("né 10/5/1971") == {"date_of_birth"}


LABELLED = Path(__file__).resolve().parents[3] / "shared" / "data"
COMMON_LEAST = 3
"""Times that a word is in these texts."""
MEANT_JOINED = frozenset({"mastercard", "birthday", "cellphone", "mailto", "yo"})
"""Phrases that mean the same without their blank."""


def common() -> Counter[str]:
    """The words of ordinary texts in thirty languages."""
    if not LABELLED.exists():
        pytest.skip("the labelled texts are not there")
    found: Counter[str] = Counter()
    for name in ("lang", "clinc150", "banking77"):
        with gzip.open(LABELLED / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
            for line in file:
                found.update(re.findall(r"[^\W\d_]+", json.loads(line)["text"].lower()))
    return found


def test_no_phrase_is_another_word_without_its_blank() -> None:
    counted = common()
    accidents = {
        joined
        for each in words.LANGUAGES
        for listed in map(words.listed, each.WORDS.values())
        for phrase in listed
        if " " in phrase and counted[joined := phrase.lower().replace(" ", "")] >= COMMON_LEAST
    }
    assert accidents <= words.ACCIDENTS | MEANT_JOINED


@pytest.mark.parametrize("word", sorted(words.ACCIDENTS))
def test_a_word_that_a_phrase_is_by_accident_tells_nothing(word: str) -> None:
    every = words.expressions(*{kind for each in words.LANGUAGES for kind in each.WORDS})
    assert [each for each in every if re2.fullmatch(each, word)] == []


def test_said_is_no_south_african_id() -> None:
    assert "za_id" not in kinds("he said 8001015009087")
    assert not scanner().tells("said")
    assert "za_id" in kinds("SA ID 8001015009087")
    assert "za_id" in kinds("sa_id=8001015009087")


@pytest.mark.parametrize("name", ["numéroDeSécuritéSociale", "Führerscheinnummer", "identificadoConCédula"])
def test_capitals_before_accents_part_no_word(name: str) -> None:
    assert spelled(name) == " ".join(re.findall(r"[A-Z]?[^\W\dA-Z_]+", name)).lower()
