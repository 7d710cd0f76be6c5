"""Finnish."""

WORDS = {
    "phone": "puhelin, puhelinnumero*, puhelimen, puh, puh nro, matkapuhelin*, kännykkä*, gsm, faksi",
    "call": "soita, soittaa, soittakaa, tavoittaa, tavoitettavissa",
    "date_of_birth": "syntynyt, synt, syntymäaika*, syntymäpäivä*, syntymä aika, synnyin",
    "passport": "passi, passin numero, passinumero*, passini",
    "credit_card": "kortti, kortin numero, luottokortti*, pankkikortti*, korttinumero*, korttini",
    "national_id": "henkilönumero, tunnusnumero",
    "eu_vat": "alv, alv numero*, alv tunniste, alv nro, arvonlisävero*",
    "fi_hetu": "hetu, henkilötunnus, henkilötunnukse*, henkilötunnukseni, sotu, sosiaaliturvatunnus",
    "driver_license": "ajokortti, ajokortin numero, ajokorttinumero, ajokortin nro",
    "license_plate": "rekisterinumero, rekisterikilpi, rekisteritunnus, rekisterinro",
    "card_cvv": "turvakoodi, tarkistusnumero",
    "years_old": "vuotias, vuotiaan, vuotiaana",
    "age": "ikä",
    "card_expiry": "voimassa asti, kortin voimassaolo, viimeinen voimassaolopäivä, voimassa",
    "vin": "valmistenumero, alustanumero",
    "postal_address": "osoite, kotiosoite",
    "postal_code": "postinumero",
    "us_bank_account": "tilinumero",
    "coordinates": "koordinaatit",
    "crypto_wallet": "lompakko, osoite",
}
MONTHS = """
    tammikuuta, helmikuuta, maaliskuuta, huhtikuuta, toukokuuta, kesäkuuta, heinäkuuta, elokuuta, syyskuuta, lokakuuta,
    marraskuuta, joulukuuta
"""
