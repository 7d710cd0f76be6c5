"""Named context goes before a bare form: a value has the kind that the word beside it says."""

import pytest

from extproc.detectors.naming import spelled
from extproc.matching.span import unite
from tests.inspection.texts import scanner

NAMED = [
    ("マイナンバー: 7799 2561 9830", "jp_my_number"),
    ("My driver's license number is GL700171C.", "driver_license"),
    ("driver license 236 916 441 (NY)", "driver_license"),
    ("Mit CPR-nummer er 200894-4205.", "dk_cpr"),
    ("Mitt personnummer är 4412251052.", "se_personnummer"),
    ("Personnummer: 280697 68670", "no_fodselsnummer"),
    ("Social Insurance Number: 796912277", "ca_sin"),
    ("Aadhar card number 6873 0842 3361", "in_aadhaar"),
    ("Resident ID card number: 451202199407287920", "cn_resident_id"),
    ("NIE: X-7953505-J", "es_nie"),
    ("cédula de identidad 118119177", "cl_rut"),
    ("UK VAT 627486663", "uk_vat"),
    ("CUIT: 20030283619", "ar_cuil"),
]


@pytest.mark.parametrize(("text", "kind"), NAMED)
def test_a_value_has_the_kind_that_its_word_says(text: str, kind: str) -> None:
    assert [span.kind for span in unite(scanner().scan(text))] == [kind]


def test_a_password_and_a_host_are_no_address_of_mail() -> None:
    found = {span.kind for span in scanner().scan("postgres://app:1clbQ2w0Wlt@db.example.com:5432/app")}
    assert "url_credentials" in found
    assert "email" not in found


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("expiry", "12/27", "card_expiry"),
        ("expiryDate", "2027-12", "card_expiry"),
        ("card_exp_date", "12/27", "card_expiry"),
        ("employer_id", "12-3456789", "us_ein"),
        ("taxpayerId", "911701234", "us_itin"),
        ("sa_id", "8001015009087", "za_id"),
        ("israeli-id", "123456782", "il_id"),
    ],
)
def test_names_that_end_like_those_of_times_and_things_tell_a_few_kinds(name: str, value: str, kind: str) -> None:
    assert [span.kind for span in unite(scanner().scan(value, spelled(name)))] == [kind]


@pytest.mark.parametrize(
    "name", ["passport_expiry", "passport_expiry_date", "expires_at", "token_expiry", "customer_id"]
)
def test_others_tell_nothing(name: str) -> None:
    for value in ("12/27", "12-3456789", "8001015009087", "912803456"):
        assert scanner().scan(value, spelled(name)) == []
