"""Every kind of secret in the table is found in every place, also in a stream, and what stands in for it is not."""

import json
from functools import cache

import pytest

from extproc.detectors import secrets
from extproc.matching.scanner import Scanner
from extproc.matching.span import unite
from tests.conftest import PROFILE
from tests.detectors.kinds import ALIKE, PLACES, Kind, kinds, places
from tests.gathered import gathered
from tests.inspection.texts import pieces, streamed

EACH = [pytest.param(kind, id=kind.name) for kind in kinds()]

VALUES = 1 if PROFILE == "fast" else 3
"""Values of a kind that are tried."""

IDENTIFIERS = frozenset({"asana-client-id", "discord-client-id", "linkedin-client-id", "codeclimate"})
"""Kinds that are not looked for in JSON within JSON: short or of digits alone, they are no secrets by themselves."""

BEGINNINGS = frozenset(
    {"pypi-upload-token", "lemonsqueezy", "monday", "anthropic-api-key", "teamcity", "bedrock", "amazon-oauth"}
)
"""Kinds whose beginning alone has 12 signs and more: with a variable behind it, it looks like a short key."""


@cache
def _scanner() -> Scanner:
    return Scanner.compile(secrets.RULES)


def _found(text: str) -> list[str]:
    return [text[each.start : each.end] for each in unite(_scanner().scan(text))]


@gathered("kind", EACH, parts=4)
def test_a_secret_of_every_kind_is_found_in_every_place(kind: Kind) -> None:
    missed = []
    for place in places(kind):
        if place == "json in json" and kind.name in IDENTIFIERS:
            continue
        for number in range(VALUES):
            text = PLACES[place](kind, kind.value(number))
            if not _found(text):
                missed.append(text)
    assert missed == []


@gathered("kind", EACH, parts=4)
def test_what_stands_in_place_of_a_secret_is_none(kind: Kind) -> None:
    found = []
    for stands in ALIKE.values() if kind.name not in BEGINNINGS else ():
        for place in places(kind):
            text = PLACES[place](kind, kind.cut(stands))
            found += [(text, each) for each in _found(text)]
    assert found == []


@gathered("kind", EACH, parts=6)
def test_a_stream_finds_the_same(kind: Kind) -> None:
    text = "\n".join(PLACES[place](kind, kind.value(number)) for number, place in enumerate(places(kind)))
    for seed in range(1, 2 if PROFILE == "fast" else 3):
        released, found = streamed(_scanner(), pieces(text, seed))
        assert released == text
        assert unite(found) == unite(_scanner().scan(text))


def test_the_kinds_have_names_of_their_own() -> None:
    names = [kind.name for kind in kinds()]
    assert len(names) == len(set(names))
    assert len(names) >= 530


def test_a_service_that_nobody_listed_is_no_hindrance() -> None:
    for service in ("qzunit", "flimmerwerk", "two words"):
        kind = Kind(service, f"{service} api key", "[a-zA-Z0-9]{32}")
        for place in PLACES:
            text = PLACES[place](kind, kind.value(0))
            assert _found(text), json.dumps(text)
