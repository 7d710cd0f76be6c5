"""Hungarian."""

WORDS = {
    "phone": "telefon, telefonszám, telefonszáma, telefonszámom, tel, mobil, mobilszám, mobiltelefon, fax",
    "date_of_birth": """
        született, születtem, születési dátum, születési idő, születésnap, szül, szül idő, születési ideje
    """,
    "passport": "útlevél, útlevélszám, útlevél száma, útlevélszáma",
    "credit_card": "bankkártya, kártyaszám, hitelkártya, bankkártyaszám, kártya száma",
    "national_id": "személyi szám, személyi azonosító, személyi azonosító jel, személyazonosító",
    "eu_vat": "adószám, közösségi adószám, eu adószám, áfa szám, uniós adószám",
    "hu_taj": """
        taj, taj szám, tajszám, taj száma, taj számom, társadalombiztosítási azonosító jel,
        társadalombiztosítási azonosító, taj kártya, taj kártya száma
    """,
    "hu_tax_id": """
        adóazonosító, adóazonosító jel, adóazonosító jele, adóazonosító szám, adószám, adóazonosító jelem, adó
        azonosító, adó azonosító jel, adójel
    """,
    "years_old": "éves",
    "driver_license": "jogosítvány, jogosítvány száma, vezetői engedély",
    "license_plate": "rendszám, rendszáma, forgalmi rendszám",
    "vin": "alvázszám",
    "card_cvv": "biztonsági kód",
    "card_expiry": "lejárat, lejárati dátum",
    "us_bank_account": "számlaszám, bankszámlaszám",
    "crypto_wallet": "pénztárca, cím",
}
MONTHS = """
    január, február, március, április, május, június, július, augusztus, szeptember, október, november, december, szept
"""
