import pytest

from extproc.detectors import pii, secrets
from extproc.matching.compiled import compile_rule
from extproc.matching.re2_search import expression
from extproc.matching.render import exact
from extproc.matching.rule import Rule, marked
from extproc.matching.span import unite
from tests.gathered import gathered
from tests.inspection.texts import RULES, alone, scanner

HITS = [pytest.param(rule, hit, id=f"{rule.title}-{n}") for rule in RULES for n, hit in enumerate(rule.hits)]
MISSES = [pytest.param(rule, miss, id=f"{rule.title}-{n}") for rule in RULES for n, miss in enumerate(rule.misses)]
POLICY_KINDS = {
    *("email", "phone", "credit_card", "iban", "ip_address", "mac_address", "url", "url_credentials", "crypto_wallet"),
    *("passport", "date_of_birth", "us_ssn", "de_tax_id", "fr_nir", "it_fiscal_code", "es_nif", "es_nie", "nl_bsn"),
    *("pl_pesel", "uk_nhs", "uk_nino", "in_aadhaar", "in_pan", "br_cpf", "br_cnpj", "ca_sin", "au_tfn", "au_medicare"),
    *("at_svnr", "at_tax_id", "be_nrn", "pt_nif", "ie_pps", "ch_ahv", "cz_rodne_cislo", "ro_cnp", "bg_egn", "hr_oib"),
    *("gr_amka", "gr_afm", "hu_taj", "hu_tax_id", "se_personnummer", "fi_hetu", "dk_cpr", "no_fodselsnummer"),
    *("eu_vat", "uk_vat", "au_abn", "au_acn", "in_gstin", "in_voter_id", "cn_resident_id", "jp_my_number", "kr_rrn"),
    *("sg_nric", "th_id", "my_nric", "id_nik", "ph_sss", "ph_tin", "tr_kimlik", "za_id", "il_id", "mx_curp"),
    *("mx_rfc", "ar_cuil", "ar_dni", "cl_rut", "co_nit", "co_cedula"),
    *(
        "postal_address",
        "coordinates",
        "age",
        "driver_license",
        "license_plate",
        "vin",
        "imei",
        "card_cvv",
        "card_expiry",
    ),
    *("swift_bic", "us_routing_number", "us_bank_account", "us_itin", "us_ein", "us_npi", "us_mbi", "us_dea"),
}


MOST_INSTRUCTIONS = 32_768
"""Of an expression. With 39,000, texts of 16 KiB made RE2's automaton outgrow its memory, and took a hundred times as
long; with 25,000 they do not."""


def _found(rule: Rule, text: str) -> list[tuple[int, int]]:
    return [(piece.start, piece.end) for piece in unite(alone(rule).scan(text))]


@gathered(("rule", "example"), HITS, parts=2)
def test_a_rule_finds_exactly_what_its_examples_mark(rule: Rule, example: str) -> None:
    text, spans = marked(example)
    assert spans
    assert _found(rule, text) == spans


@gathered(("rule", "text"), MISSES, parts=2)
def test_a_rule_finds_nothing_in_its_look_alikes(rule: Rule, text: str) -> None:
    assert _found(rule, text) == []


@gathered("rule", RULES, ids=lambda rule: rule.title)
def test_every_rule_has_examples_on_both_sides(rule: Rule) -> None:
    assert rule.hits
    assert rule.misses


@gathered("rule", RULES, ids=lambda rule: rule.title)
def test_the_automaton_of_a_rule_has_room(rule: Rule) -> None:
    assert expression(exact(compile_rule(rule).node)).programsize <= MOST_INSTRUCTIONS


@gathered(("rule", "example"), HITS, parts=2)
def test_a_rule_finds_the_same_among_all_others(rule: Rule, example: str) -> None:
    text, _ = marked(example)
    mine = [span for span in scanner().scan(text) if span.rule == rule.title]
    assert mine == alone(rule).scan(text)


def test_the_kinds_are_those_that_policies_name() -> None:
    assert set(pii.KINDS) == POLICY_KINDS
    assert set(pii.DEFAULT_KINDS) == POLICY_KINDS - {"url", "age", "coordinates", "license_plate", "postal_address"}


def test_a_kind_that_does_not_exist_is_named() -> None:
    with pytest.raises(KeyError, match="emial"):
        pii.rules(("email", "emial"))


def test_names_are_unique() -> None:
    titles = [rule.title for rule in RULES]
    assert len(titles) == len(set(titles))
    assert len(secrets.RULES) >= 22
