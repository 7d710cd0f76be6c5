"""Czech and Slovak."""

WORDS = {
    "phone": """
        telefon, telefonu, telefonní číslo, telefónne číslo, telefónu, tel, tel č, mobil, mobilu, číslo mobilu, moje
        číslo je, fax
    """,
    "call": "volejte, volat, zavolejte, zavolej, zavolajte, volajte, kontaktujte",
    "date_of_birth": """
        narozen, narozena, narodil*, narozen dne, datum narození, datum narodenia, dátum narodenia, narozeniny,
        narodený, narodená, nar., dat nar
    """,
    "passport": "cestovní pas, cestovný pas, číslo pasu, pas č, pasu",
    "credit_card": "karta, kartu, karty, číslo karty, platební karta, kreditní karta, platobná karta, kreditná karta",
    "national_id": "identifikační číslo, osobní číslo, číslo op, číslo občanského průkazu, osobné číslo",
    "eu_vat": "dič, ič dph, dič dph, daňové identifikační číslo, daňové identifikačné číslo, dph",
    "cz_rodne_cislo": """
        rodné číslo, rodného čísla, rodným číslem, rč, r.č, rod č, rodné č, rodných čísel, r č, rodné číslo č,
        rodne c
    """,
    "driver_license": "řidičský průkaz, řidičského průkazu, číslo řidičského průkazu",
    "license_plate": "spz, registrační značka, státní poznávací značka",
    "card_cvv": "bezpečnostní kód",
    "age": "věk, ve věku",
    "card_expiry": "platnost karty, platnost do",
    "vin": "číslo karoserie",
    "us_bank_account": "číslo účtu",
    "postal_address": "adresa, bydliště, bytem",
    "postal_code": "psč",
    "crypto_wallet": "peněženka, peněženky, adresa",
}
MONTHS = """
    ledna, února, března, dubna, května, června, července, srpna, září, října, listopadu, prosince, januára, februára,
    marca, apríla, mája, júna, júla, augusta, septembra, októbra, novembra, decembra
"""
