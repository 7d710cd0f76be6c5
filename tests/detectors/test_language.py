"""Languages: allowed ones, others, and texts of none."""

import pytest

from extproc.apis.roles import PassageRole
from extproc.detectors.contract import Conversation, DetectorError, Statement
from extproc.detectors.language import UNKNOWN, language, languages
from extproc.inspection.scored import DetectorFindings, ScoredWork
from extproc.policy import PolicyError
from extproc.policy.judges import LANGUAGES, LanguageFilter
from extproc.protocol.messages import Side
from tests.seams.playing import JSON, answered, plan, played, said

GERMAN = "Bitte schreiben Sie einen Brief an meinen Vermieter über die Heizung."
ENGLISH = "Please write a letter to my landlord about the heating in my flat."


def judged(text: str, *allowed: str, role: PassageRole = "user") -> DetectorFindings:
    own = language(LanguageFilter(use="language", allow=allowed))
    return ScoredWork(own, Conversation(Side.REQUEST, (Statement(text, role),))).run()


def test_the_languages_of_the_policy_are_those_of_the_model() -> None:
    assert sorted(languages().names) == sorted(LANGUAGES)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (ENGLISH, "en"),
        (GERMAN, "de"),
        ("Écrivez une lettre à mon propriétaire au sujet du chauffage.", "fr"),
        ("Escribe una carta a mi casero sobre la calefacción.", "es"),
        ("Напиши письмо хозяину квартиры об отоплении.", "ru"),
        ("请给我的房东写一封关于暖气的信，要简短而且有礼貌。", "zh"),
        ("暖房について大家さんに手紙を書いてください。", "ja"),
        ("난방에 대해 집주인에게 편지를 써 주세요 부탁해요.", "ko"),
        ("اكتب رسالة إلى صاحب المنزل عن التدفئة.", "ar"),
    ],
)
def test_a_text_is_a_finding_unless_its_language_is_allowed(text: str, name: str) -> None:
    assert judged(text, name).found == []
    other = "it" if name == "en" else "en"
    (found,) = judged(text, other).found
    assert (found.kind, found.tier) == ("other_language", name)
    assert judged(text, other, name).found == []


def test_a_language_that_is_not_known_is_none_that_is_allowed() -> None:
    (found,) = judged("დაწერე წერილი ბინის პატრონს გათბობის შესახებ", *LANGUAGES).found
    assert (found.score, found.tier) == (1.0, UNKNOWN)


@pytest.mark.parametrize(
    "text", ["Hallo!", "12345678901234567890", "OK danke", "", "https://example.com/Eine/Seite/ueber/Waermepumpen"]
)
def test_a_name_or_a_greeting_may_be_of_any_language(text: str) -> None:
    assert judged(text, "en").best == ()


def test_the_window_in_another_language_is_found() -> None:
    text = f"{ENGLISH * 20}{GERMAN * 20}"
    found = judged(text, "en").found
    assert found
    assert all(each.start > len(ENGLISH) * 10 for each in found)


@pytest.mark.parametrize("role", ["system", "tool_result", "tool_definition", "file", "other"])
def test_only_what_somebody_says_has_a_language(role: PassageRole) -> None:
    assert judged(GERMAN, "en", role=role).best == ()


def test_requests_and_responses_are_blocked() -> None:
    with played(plan("{use: language, allow: [en]}", "{use: language, allow: [en]}")) as exchange:
        assert exchange.asks(said(GERMAN)).does("language").refused == 403
    with played(plan("{use: language, allow: [en]}", "{use: language, allow: [en]}")) as exchange:
        exchange.asks(said(ENGLISH)).does("language")
        exchange.replies(answered(GERMAN), JSON).does("language")
        assert exchange.record()["blocked_by"] == "language"


@pytest.mark.parametrize(("allow", "told"), [("[xx]", "not known here"), ("[]", "or none"), ("[en, en]", "twice")])
def test_what_is_wrong_is_told(allow: str, told: str) -> None:
    with pytest.raises(PolicyError) as caught:
        plan(f"{{use: language, allow: {allow}}}")
    assert told in caught.value.render()


def test_a_missing_model_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    languages.cache_clear()
    monkeypatch.setattr("pkgutil.get_data", lambda *_: None)
    with pytest.raises(DetectorError, match="is missing"):
        languages()
