from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from extproc.inspection.masking import Masker, replacement
from extproc.inspection.stage import CompiledProcessor
from extproc.inspection.vault import LONGEST_PLACEHOLDER, MOST_VALUES, Restorer, Vault, label, restored
from extproc.matching.scanner import Scanner
from extproc.matching.span import Span
from extproc.matching.window import Window
from tests.inspection.answering import masked, processor
from tests.inspection.texts import pieces, scanner, texts

RESTORING = processor(restore=True)


class _Masking:
    """Replaces those finds."""

    def __init__(
        self, vault: Vault, masks: Callable[[Span], bool] = lambda _: True, by: CompiledProcessor = RESTORING
    ) -> None:
        self.vault, self.masks, self.by = vault, masks, by

    def write(self, span: Span, value: str) -> str:
        return replacement(self.by, self.vault, span.kind, value)


def _masked(by: Scanner, parts: list[str], vault: Vault) -> str:
    window, masker = Window(by), Masker(_Masking(vault))
    released = [window.feed(part) for part in parts] + [window.finish()]
    return "".join(masker.feed(each) for each in released if each)


def _written(kind: str, value: str, **more: Any) -> str:
    return replacement(processor(**more), Vault(), kind, value)


@given(texts(), st.integers(0, 1 << 30))
def test_any_cutting_gives_the_same_masked_text(text: str, seed: int) -> None:
    whole = masked(text, scanner().scan(text))
    assert _masked(scanner(), pieces(text, seed), Vault()) == whole


@given(texts(), st.integers(0, 1 << 30))
def test_what_was_masked_is_restored_however_it_comes_back(text: str, seed: int) -> None:
    vault = Vault()
    vault.reserve(text)
    sent = masked(text, scanner().scan(text), vault)
    restorer = Restorer(vault)
    assert "".join(restorer.feed(part) for part in pieces(sent, seed)) + restorer.finish() == text


def test_the_same_value_gets_the_same_placeholder() -> None:
    text = "a@b.de c@d.de a@b.de"
    assert masked(text, scanner().scan(text)) == "[EMAIL_1] [EMAIL_2] [EMAIL_1]"


def test_one_text_in_two_kinds_is_two_values() -> None:
    vault = Vault()
    assert vault.placeholder("us_ssn", "1") == "[US_SSN_1]"
    assert vault.placeholder("nl_bsn", "1") == "[NL_BSN_1]"


def test_a_placeholder_that_the_client_wrote_stays_its_own() -> None:
    vault = Vault()
    text = "what is [EMAIL_1]? mail a@b.de"
    vault.reserve(text)
    sent = masked(text, scanner().scan(text), vault)
    assert sent == "what is [EMAIL_1]? mail [EMAIL_2]"
    assert restored(vault, sent) == text


def test_another_exchange_restores_nothing() -> None:
    first, second = Vault(), Vault()
    first.placeholder("email", "a@b.de")
    second.placeholder("iban", "x")
    assert restored(second, "[EMAIL_1]") == "[EMAIL_1]"


def test_a_value_is_escaped_where_it_goes() -> None:
    vault = Vault()
    vault.placeholder("password", 'a"b')
    assert restored(vault, '{"p":"[PASSWORD_1]"}', lambda value: value.replace('"', '\\"')) == '{"p":"a\\"b"}'


def test_a_value_that_looks_like_a_placeholder_is_not_restored_again() -> None:
    vault = Vault()
    vault.placeholder("x", "[X_2]")
    vault.placeholder("x", "other")
    assert restored(vault, "[X_1][X_2]") == "[X_2]other"


def test_nothing_is_held_back_but_what_may_be_one_of_ours() -> None:
    vault = Vault()
    vault.placeholder("email", "a@b.de")
    restorer = Restorer(vault)
    assert restorer.feed("see [1], [EMA") == "see [1], "
    assert restorer.feed("IL_1") == ""
    assert restorer.held == len("[EMAIL_1")
    assert restorer.feed("] and [IBAN_") == "a@b.de and [IBAN_"
    assert restorer.feed("[") == ""
    assert restorer.finish() == "["


def test_with_nothing_masked_everything_passes_at_once() -> None:
    assert Restorer(Vault()).feed("a [EMAIL_1") == "a [EMAIL_1"


def test_the_longest_placeholder_is_restored_across_a_cut() -> None:
    vault = Vault()
    name = vault.placeholder("k" * 200, "value")
    assert len(name) <= LONGEST_PLACEHOLDER
    restorer = Restorer(vault)
    assert "".join(map(restorer.feed, name)) + restorer.finish() == "value"


def test_beyond_the_limit_values_are_masked_and_not_restored() -> None:
    vault = Vault()
    for number in range(MOST_VALUES):
        vault.placeholder("x", str(number))
    assert vault.placeholder("x", "one more") == "[X]"
    assert vault.placeholder("x", "0") == "[X_1]"
    assert len(vault) == MOST_VALUES


def test_a_vault_and_what_it_gives_show_no_value() -> None:
    vault = Vault()
    vault.placeholder("email", "a@b.de")
    assert "a@b" not in repr(vault)
    window = Window(scanner())
    window.feed("a@b.de ")
    assert "a@b" not in repr(window.finish())


def test_labels_are_made_of_letters_digits_and_underscores() -> None:
    assert label("github-token") == "GITHUB_TOKEN"
    assert label("é") == "MASKED"


def test_a_partial_mask_shows_four_characters_and_never_more_than_a_third() -> None:
    assert _written("credit_card", "4012888888881234", format="partial") == "****1234"
    assert _written("x", "123456", format="partial") == "****56"
    assert _written("x", "12", format="partial") == "****"


def test_a_keyed_hash_depends_on_key_kind_and_value() -> None:
    keyed = {"format": "hash", "key": b"key"}
    assert _written("email", "a@b.de", **keyed) == _written("email", "a@b.de", **keyed)
    assert _written("email", "a@b.de", **keyed).startswith("[EMAIL:")
    differing = {
        _written("email", "a@b.de", **keyed),
        _written("iban", "a@b.de", **keyed),
        _written("email", "c@d.de", **keyed),
        _written("email", "a@b.de", format="hash", key=b"k"),
    }
    assert len(differing) == 4


def test_finds_that_are_only_reported_are_left_as_they_are() -> None:
    window = Window(scanner())
    masker = Masker(_Masking(Vault(), lambda span: span.kind == "email"))
    text = "a@b.de 10.0.0.1 "
    released = [window.feed(text), window.finish()]
    assert "".join(masker.feed(each) for each in released if each) == "[EMAIL_1] 10.0.0.1 "


def test_what_a_second_find_covers_beyond_the_first_is_masked_too() -> None:
    spans = [Span(0, 4, "a", "a", 1.0), Span(2, 6, "b", "b", 1.0)]
    assert masked("0123456789", spans) == "[A_1][B_1]6789"


def _stream(text: str, cuts: int, vault: Vault) -> str:
    window, masker = Window(scanner()), Masker(_Masking(vault, by=processor()), restorer=Restorer(vault))
    released = [*(window.feed(part) for part in pieces(text, cuts)), window.finish()]
    return "".join(masker.feed(each) for each in released if each) + masker.finish()


@given(st.integers(0, 1 << 30))
def test_values_come_back_between_masks_however_the_text_is_cut(cuts: int) -> None:
    vault = Vault()
    vault.placeholder("email", "a@b.de")
    out = _stream("ask [EMAIL_1] or c@d.de, [EMAIL_1]", cuts, vault)
    assert out == "ask a@b.de or [EMAIL_2], a@b.de"


@given(st.integers(0, 1 << 30))
def test_what_an_answer_was_masked_for_is_not_had_by_its_placeholder(cuts: int) -> None:
    vault = Vault()
    vault.placeholder("email", "a@b.de")
    out = _stream("c@d.de is [EMAIL_2] and not [EMAIL_1]", cuts, vault)
    assert out == "[EMAIL_2] is [EMAIL_2] and not a@b.de"


def test_a_value_masked_first_for_good_may_come_back_once_a_processor_restores_it() -> None:
    vault = Vault()
    assert vault.placeholder("email", "a@b.de", restorable=False) == "[EMAIL_1]"
    assert restored(vault, "[EMAIL_1]") == "[EMAIL_1]"
    assert vault.placeholder("email", "a@b.de") == "[EMAIL_1]"
    assert restored(vault, "[EMAIL_1]") == "a@b.de"
