"""Dutch."""

WORDS = {
    "phone": """
        telefoon, telefoonnummer, telefoonnr, telnr, tel, mobiel, mobiele nummer, mobiel nummer, gsm, gsm nummer, fax,
        toestel, 06 nummer
    """,
    "call": """
        bellen, bel me, bel mij, bel ons, bel naar, bel even, bel op, bel hem, bel haar, gebeld, bereikbaar,
        bereiken, terugbellen, contact
    """,
    "date_of_birth": "geboren, geboren op, geboortedatum, geboortedag, geb datum, verjaardag, geboorte",
    "passport": "paspoort, paspoorten, paspoortnummer, paspoort nr, paspoortnr",
    "credit_card": "creditcard, kaart, kaartnummer, betaalkaart, bankpas, pasnummer, creditcardnummer",
    "nl_bsn": "bsn, bsn nummer, burgerservice, burgerservicenummer, burger service nummer, sofi, sofinummer",
    "national_id": "identiteitsnummer, persoonsnummer, identiteitskaart, identiteitskaartnummer, id nummer",
    "eu_vat": "btw, btw nummer, btw nr, btw id, btw identificatienummer, btw identificatie, omzetbelastingnummer",
    "be_nrn": """
        rijksregisternummer, rijksregister, rijksregisternr, rijksregister nr, rrn, rr nr, insz, insz nummer,
        inss, nationaal nummer, rr nummer
    """,
    "us_bank_account": "rekeningnummer, bankrekening, bankrekeningnummer",
    "card_cvv": "beveiligingscode, veiligheidscode, controlecode, cvc code, cvv code",
    "card_expiry": "vervaldatum, geldig tot, verloopdatum, vervaldatum kaart",
    "driver_license": "rijbewijs, rijbewijsnummer, rijbewijs nr, rijbewijsnr",
    "license_plate": "kenteken, nummerplaat, kentekenplaat, kentekennummer",
    "vin": "chassisnummer, voertuigidentificatienummer",
    "age": "leeftijd, op leeftijd van",
    "years_old": "jaar oud, jarige",
    "coordinates": "breedtegraad, lengtegraad, coördinaten",
    "postal_address": """
        adres, woonadres, afleveradres, factuuradres, postadres, woonachtig, woon op de, woont op de, woon in de
    """,
    "postal_code": "postcode",
    "crypto_wallet": "portemonnee, adres, walletadres",
}
MONTHS = "januari, februari, maart, april, mei, juni, juli, augustus, september, oktober, november, december, mrt, okt"
