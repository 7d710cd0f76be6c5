"""Swedish."""

WORDS = {
    "phone": """
        telefon, telefonnummer, telefonnr, tel, tfn nr, mobil, mobilnummer, mobilnr, mobiltelefon, mob, fast telefon,
        mitt nummer är, tfn, telnr, fax
    """,
    "call": "ring mig, ring oss, ring till, ring på, ring gärna, ringa, ringer, nås, nå mig, slå, kontakta, sms till",
    "date_of_birth": "född, född den, född år, födda, födelsedatum, födelsedag, födelse, födelsedata",
    "passport": "passet, passnummer, passnr, pass nummer",
    "credit_card": "kort, kortet, kortnummer, kreditkort, betalkort, bankkort, kontokort",
    "national_id": "id nummer, identitetsnummer, legitimationsnummer",
    "eu_vat": "momsnummer, momsnr, moms nr, momsregistreringsnummer, vat nummer, vat nr, momsreg nr",
    "se_personnummer": """
        personnummer, personnumret, personnr, pers nr, persnr, pnr, personnummer är, samordningsnummer,
        samordningsnr, personbeteckning, personnumren, person nr, personal identity number
    """,
    "fi_hetu": "personbeteckning, personbeteckningen",
    "driver_license": "körkort, körkortsnummer, körkortsnr, körkort nr",
    "license_plate": """
        registreringsnummer, regnummer, registreringsskylt, reg nr, regnr, registreringsnr, bilens
        registreringsnummer
    """,
    "card_cvv": "säkerhetskod, säkerhetskoden",
    "years_old": "år gammal, år gamla, årig, årige, åriga, åring",
    "age": "ålder, i en ålder av",
    "card_expiry": "utgångsdatum, giltigt till, giltig till, kortets utgångsdatum",
    "vin": "chassinummer",
    "postal_address": "adress, hemadress, bor på",
    "postal_code": "postnummer, postnr",
    "us_bank_account": "kontonummer, kontonr, bankkonto",
    "coordinates": "koordinater, latitud, longitud",
    "crypto_wallet": "plånbok, adress",
}
MONTHS = "januari, februari, mars, april, maj, juni, juli, augusti, september, oktober, november, december, okt"
