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
    "driver_license": "ajokortti, ajokortin numero",
    "license_plate": "rekisterinumero, rekisterikilpi, rekisteritunnus",
    "card_cvv": "turvakoodi, tarkistusnumero",
}
MONTHS = """
    tammikuuta, helmikuuta, maaliskuuta, huhtikuuta, toukokuuta, kesäkuuta, heinäkuuta, elokuuta, syyskuuta, lokakuuta,
    marraskuuta, joulukuuta
"""
