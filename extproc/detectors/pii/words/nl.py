"""Dutch."""

WORDS = {
    "phone": """
        telefoon, telefoonnummer, telefoonnr, telnr, tel, mobiel, mobiele nummer, mobiel nummer, gsm, gsm nummer, fax,
        toestel, 06 nummer
    """,
    "call": "bellen, bel, belt, gebeld, bereikbaar, bereiken, terugbellen, contact",
    "date_of_birth": "geboren, geboren op, geboortedatum, geboortedag, geb datum, verjaardag, geboorte",
    "passport": "paspoort, paspoorten, paspoortnummer, paspoort nr, paspoortnr",
    "credit_card": "creditcard, kaart, kaartnummer, betaalkaart, bankpas, pasnummer, creditcardnummer",
    "nl_bsn": "bsn, bsn nummer, burgerservice, burgerservicenummer, burger service nummer, sofi, sofinummer",
}
MONTHS = "januari, februari, maart, april, mei, juni, juli, augustus, september, oktober, november, december, mrt, okt"
