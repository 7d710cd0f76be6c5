"""Czech and Slovak."""

WORDS = {
    "phone": """
        telefon, telefonu, telefonní číslo, telefónne číslo, telefónu, tel, tel č, mobil, mobilu, číslo mobilu, fax
    """,
    "call": "volejte, volat, zavolejte, zavolej, zavolajte, volajte, kontaktujte",
    "date_of_birth": """
        narozen, narozena, narodil*, narozen dne, datum narození, datum narodenia, dátum narodenia, narozeniny,
        narodený, narodená
    """,
    "passport": "cestovní pas, cestovný pas, číslo pasu, pas č, pasu",
    "credit_card": "karta, kartu, karty, číslo karty, platební karta, kreditní karta, platobná karta, kreditná karta",
}
MONTHS = """
    ledna, února, března, dubna, května, června, července, srpna, září, října, listopadu, prosince, januára, februára,
    marca, apríla, mája, júna, júla, augusta, septembra, októbra, novembra, decembra
"""
