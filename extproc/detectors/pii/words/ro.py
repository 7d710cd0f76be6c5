"""Romanian."""

WORDS = {
    "phone": """
        telefon, telefonul, telefonului, număr de telefon, numărul de telefon, nr de telefon, tel, mobil, mobilul, fax
    """,
    "call": "sunați, sunați mă, sună mă, sunati, apelați, contactați, la numărul",
    "date_of_birth": "născut, născută, născut la, născută la, data nașterii, data nasterii, m am născut, naștere",
    "passport": "pașaport, pașaportul, pașaportului, număr pașaport, numărul pașaportului",
    "credit_card": "card, cardul, cardului, numărul cardului, card de credit, număr card",
    "national_id": "carte de identitate, buletin, număr de identificare",
    "eu_vat": "cif, cui, cod fiscal, cod de tva, cod tva, cod de înregistrare în scopuri de tva, nr tva",
    "ro_cnp": "cnp, c.n.p, cnp ul, cnpul, cod numeric personal, codul numeric personal, codului numeric personal",
    "driver_license": "permis de conducere, permisul de conducere",
    "license_plate": "număr de înmatriculare, numărul de înmatriculare, număr auto",
    "card_cvv": "cod de securitate, codul de securitate",
    "card_expiry": "data expirării, expiră la, valabil până la",
    "vin": "serie șasiu, seria șasiului, număr șasiu",
    "us_bank_account": "număr de cont, cont bancar, numărul contului",
    "postal_address": "adresa, domiciliat în",
    "crypto_wallet": "portofel, adresa",
}
MONTHS = "ianuarie, februarie, martie, aprilie, mai, iunie, iulie, august, septembrie, octombrie, noiembrie, decembrie"
