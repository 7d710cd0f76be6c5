"""Croatian."""

WORDS = {
    "phone": "telefon, broj telefona, tel, mobitel, broj mobitela, mob, telefaks",
    "date_of_birth": "rođen, rođena, rođen dana, rođena dana, datum rođenja, rođenje, rođendan",
    "passport": "putovnica, putovnice, broj putovnice",
    "credit_card": "kartica, kartice, broj kartice, kreditna kartica, bankovna kartica",
    "national_id": "osobna iskaznica, broj osobne, matični broj",
    "eu_vat": "pdv, pdv broj, pdv id, pdv id broj, porezni broj",
    "hr_oib": "oib, osobni identifikacijski broj, osobnog identifikacijskog broja, oib broj",
    "driver_license": "vozačka dozvola, broj vozačke dozvole",
    "license_plate": "registarska oznaka, registracija",
    "card_cvv": "sigurnosni kod",
    "card_expiry": "vrijedi do, datum isteka",
    "vin": "broj šasije",
    "us_bank_account": "broj računa",
    "postal_address": "adresa",
    "crypto_wallet": "novčanik, adresa",
}
MONTHS = """
    siječnja, veljače, ožujka, travnja, svibnja, lipnja, srpnja, kolovoza, rujna, listopada, studenoga, prosinca,
    siječanj, veljača, ožujak, travanj, svibanj, lipanj, srpanj, kolovoz, rujan, listopad, studeni, prosinac
"""
