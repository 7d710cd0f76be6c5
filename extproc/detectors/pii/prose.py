"""Descriptions of the kinds of personal data, and the check of each: for the list in docs/detection.md."""

from collections.abc import Mapping

KINDS_PROSE: Mapping[str, tuple[str, str]] = {
    "email": ("e-mail address", "form of the address, also with letters beyond ASCII"),
    "phone": (
        "telephone number",
        "country codes and lengths of E.164; national forms; no dates, coordinates, floats or hexadecimal dumps",
    ),
    "credit_card": (
        "payment card",
        "issuer and length, Luhn check digit; least sure in one run of digits, where 17 and more need a word",
    ),
    "iban": ("International Bank Account Number", "length of the country, check digits (mod 97)"),
    "crypto_wallet": (
        "address of Bitcoin, Litecoin, Dogecoin, TRON or Ethereum",
        "Base58Check, Bech32; form, beside a word alone",
    ),
    "ip_address": (
        "IPv4 or IPv6 address, also with a prefix",
        "ranges; no versions of programs; `ip_addresses: public` leaves out private ones",
    ),
    "mac_address": ("hardware address, also of 64 bits", "form; no broadcast and no zero addresses"),
    "url": ("URL (not among the default kinds)", "form of scheme and host"),
    "url_credentials": ("user and password in a URL", "no variables and no placeholders"),
    "passport": ("passport number", "forms of several countries"),
    "date_of_birth": (
        "date of birth",
        "a day of the calendar, in figures or with the name of its month in twenty languages",
    ),
    "us_ssn": ("Social Security number (United States)", "areas, groups and serials that are issued"),
    "ca_sin": ("social insurance number (Canada)", "Luhn check digit"),
    "br_cpf": ("CPF (Brazil)", "two check digits (mod 11)"),
    "br_cnpj": ("CNPJ (Brazil)", "two check digits (mod 11)"),
    "de_tax_id": ("tax identification number (Germany)", "check digit (mod 11,10), repeated digits"),
    "fr_nir": ("NIR, social security number (France)", "key (mod 97)"),
    "it_fiscal_code": ("codice fiscale (Italy)", "check character"),
    "es_nif": ("NIF or DNI (Spain)", "check letter (mod 23)"),
    "es_nie": ("NIE (Spain)", "check letter (mod 23)"),
    "nl_bsn": ("burgerservicenummer (Netherlands)", "check of eleven"),
    "pl_pesel": ("PESEL (Poland)", "check digit (mod 10)"),
    "uk_nhs": ("NHS number (England and Wales)", "check digit (mod 11)"),
    "uk_nino": ("National Insurance number (United Kingdom)", "prefixes that are issued; beside a word, any"),
    "in_aadhaar": ("Aadhaar number (India)", "Verhoeff check digit"),
    "in_pan": ("permanent account number (India)", "kind of holder; no fingerprints in small letters"),
    "au_tfn": ("tax file number (Australia)", "check digit (mod 11)"),
    "au_medicare": ("Medicare number (Australia)", "check digit (mod 10)"),
}
"""Kind -> its description, and how a finding of it is checked."""
