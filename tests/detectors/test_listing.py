from pathlib import Path

from extproc.detectors import pii, secrets
from extproc.detectors.listing import markdown
from extproc.detectors.pii.prose import KINDS_PROSE

PAGE = Path(__file__).parents[2] / "docs" / "detectors.md"


def test_the_page_is_what_the_rules_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(), "run scripts/docs"


def test_every_kind_and_every_rule_is_listed() -> None:
    assert set(KINDS_PROSE) == set(pii.KINDS)
    for name in (*pii.KINDS, *(rule.kind for rule in secrets.RULES)):
        assert f"| `{name}`" in markdown()
