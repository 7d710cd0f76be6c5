"""Danish and Norwegian."""

WORDS = {
    "phone": """
        telefon, telefonnummer, telefonnr, tlf, tlf nr, tf, tlfnr, mobil, mobilnummer, mobilnr, mobiltelefon, fastnet,
        mit nummer er, nummeret mitt er, mitt nummer er, mobilnummeret, telefonnummeret
    """,
    "call": """
        ring til, ring på, ring meg, ring mig, ring os, ring oss, ringe, ringes, kontakt, kontakte, træffes, treffes,
        nås, fange mig på, nå meg på
    """,
    "date_of_birth": "født, født den, fødselsdato, fødselsdag, fødselsdata, fødsel, fødd",
    "passport": "pasnummer, pas nr, passnummer, pass nr, passnr",
    "credit_card": "kort, kortnummer, kreditkort, betalingskort, bankkort, dankort",
    "national_id": "id nummer, identitetsnummer, id nr",
    "eu_vat": "momsnummer, moms nr, momsnr, se nummer, se nr, cvr nr, cvr nummer, cvr",
    "dk_cpr": "cpr, cpr nr, cpr nummer, cprnr, cprnummer, cpr nummeret, personnummer, personnr, cpr-nr.",
    "no_fodselsnummer": """
        fødselsnummer, fødselsnummeret, fødselsnr, fødselsnummer er, fnr, f nr, personnummer, personnr, d nummer, d
        nr, dnr, dnummer, fødsels og personnummer, fodselsnummer
    """,
    "driver_license": "kørekort, kørekortnummer, førerkort, førerkortnummer, førerkortnr",
    "license_plate": "nummerplade, registreringsnummer, reg nr, nummerplate, registreringsnr, bilskilt",
    "card_cvv": "sikkerhedskode, kontrolcifre",
    "years_old": "år gammel, år gamle, årig, årige, åring",
    "age": "alder, i en alder av",
    "card_expiry": "udløbsdato, utløpsdato, gyldig til, kortets udløb",
    "vin": "stelnummer, understellsnummer",
    "postal_address": "adresse, boende på",
    "postal_code": "postnummer, postnr",
    "us_bank_account": "kontonummer, kontonr",
    "crypto_wallet": "tegnebog, lommebok, adresse",
}
MONTHS = """
    januar, februar, marts, mars, april, maj, mai, juni, juli, august, september, oktober, november, december, desember,
    okt, des
"""
