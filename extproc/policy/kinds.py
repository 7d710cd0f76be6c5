"""The kinds of personal data that a policy may name, and the groups of them: the one table of both.

The rules of each kind are in `extproc/detectors/pii`; a test compares the two.
"""

from collections.abc import Iterable, Mapping
from typing import Final

PII_KINDS: Final = (
    *("email", "phone", "credit_card", "iban", "ip_address", "mac_address", "url", "url_credentials"),
    *("crypto_wallet", "passport", "date_of_birth", "us_ssn", "de_tax_id", "fr_nir", "it_fiscal_code", "es_nif"),
    *("es_nie", "nl_bsn", "pl_pesel", "uk_nhs", "uk_nino", "in_aadhaar", "in_pan", "br_cpf", "br_cnpj", "ca_sin"),
    *("au_tfn", "au_medicare", "postal_address", "coordinates", "age", "driver_license", "license_plate", "vin"),
    *("imei", "card_cvv", "card_expiry", "swift_bic", "us_routing_number", "us_bank_account", "us_itin", "us_ein"),
    *("us_npi", "us_mbi", "us_dea"),
    *("at_svnr", "at_tax_id", "be_nrn", "pt_nif", "ie_pps", "ch_ahv", "cz_rodne_cislo", "ro_cnp", "bg_egn", "hr_oib"),
    *("gr_amka", "gr_afm", "hu_taj", "hu_tax_id", "se_personnummer", "fi_hetu", "dk_cpr", "no_fodselsnummer"),
    *("eu_vat", "uk_vat", "au_abn", "au_acn", "in_gstin", "in_voter_id", "cn_resident_id", "jp_my_number", "kr_rrn"),
    *("sg_nric", "th_id", "my_nric", "id_nik", "ph_sss", "ph_tin", "tr_kimlik", "za_id", "il_id", "mx_curp"),
    *("mx_rfc", "ar_cuil", "ar_dni", "cl_rut", "co_nit", "co_cedula"),
)
"""The kinds that `pii` knows."""

ON_REQUEST: Final[Mapping[str, str]] = {
    "url": "URLs are in most texts, and rarely personal",
    "age": "an age alone identifies nobody",
    "coordinates": "most pairs of degrees are places, not where somebody is",
    "license_plate": "its forms are those of many numbers of parts and orders",
    "postal_address": "streets are recognised by their usual forms alone, and most are those of shops and offices",
}
"""The kinds that are detected only if `kinds` names them or a group of theirs, each with the reason."""

PII_USUAL: Final = tuple(kind for kind in PII_KINDS if kind not in ON_REQUEST)
"""The kinds that it looks for unless told."""

_EU: Final = frozenset(
    (
        *(
            "at",
            "be",
            "bg",
            "cy",
            "cz",
            "de",
            "dk",
            "ee",
            "es",
            "eu",
            "fi",
            "fr",
            "gr",
            "hr",
            "hu",
            "ie",
            "it",
            "lt",
            "lu",
        ),
        *("lv", "mt", "nl", "pl", "pt", "ro", "se", "si", "sk"),
    )
)
_AREAS: Final[Mapping[str, frozenset[str]]] = {
    "eu": _EU,
    "europe": _EU | {"uk", "ch", "no", "is", "li", "tr", "ua", "rs", "al", "ba", "me", "mk", "md", "by"},
    "uk": frozenset({"uk"}),
    "us": frozenset({"us"}),
    "americas": frozenset({"us", "ca", "mx", "br", "ar", "cl", "co", "pe", "uy", "ec", "ve"}),
    "asia_pacific": frozenset({"in", "au", "nz", "cn", "hk", "tw", "jp", "kr", "sg", "my", "th", "ph", "id", "vn"}),
    "middle_east_africa": frozenset({"za", "ng", "ke", "eg", "il", "ae", "sa", "tr", "ma", "gh"}),
}
"""Groups of countries, by the beginnings of the names of their kinds: `us_ssn` is in the group `us`."""

_ANYWHERE: Final = ("passport", "driver_license")
"""Documents of every country, which belong to each group of countries."""

_SUBJECTS: Final[Mapping[str, tuple[str, ...]]] = {
    "finance": (
        *("credit_card", "card_cvv", "card_expiry", "iban", "swift_bic", "us_routing_number", "us_bank_account"),
        *("crypto_wallet",),
    ),
    "contact": ("email", "phone", "postal_address"),
    "location": ("postal_address", "coordinates", "ip_address"),
    "health": ("us_npi", "us_mbi", "us_dea", "uk_nhs", "au_medicare"),
    "person": ("date_of_birth", "age", *_ANYWHERE),
    "vehicle": ("vin", "license_plate", "driver_license"),
    "network": ("ip_address", "mac_address", "imei", "url", "url_credentials"),
}
"""Groups of a subject, kind by kind."""


def _of(area: frozenset[str]) -> tuple[str, ...]:
    return tuple(kind for kind in PII_KINDS if kind.partition("_")[0] in area or kind in _ANYWHERE)


PII_GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    **{name: kinds for name, area in _AREAS.items() if len(kinds := _of(area)) > len(_ANYWHERE)},
    **_SUBJECTS,
}
"""The names that stand for several kinds."""


def expanded(names: Iterable[str]) -> tuple[str, ...]:
    """Return the kinds that names of kinds and of groups stand for, each once."""
    return tuple(dict.fromkeys(kind for name in names for kind in PII_GROUPS.get(name, (name,))))
