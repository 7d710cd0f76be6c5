"""Italian."""

WORDS = {
    "phone": """
        telefono, telefoni, numero di telefono, tel, cellulare, numero di cellulare, cell, recapito telefonico, fisso,
        fax, numero telefonico, recapito
    """,
    "call": """
        chiamami, chiamare, chiami, chiamate, chiamaci, chiama, contattami, contattare, contattarmi, telefonare,
        raggiungibile
    """,
    "date_of_birth": "nato il, nata il, nati il, data di nascita, data nascita, nascita, compleanno, nato a, nata a",
    "passport": "passaporto, passaporti, numero di passaporto, numero passaporto, n. passaporto",
    "credit_card": "carta, carta di credito, carta di debito, carta bancaria, numero di carta, numero carta, bancomat",
    "national_id": "numero di identità, carta d'identità, numero personale, numero di identificazione",
    "eu_vat": """
        partita iva, p.iva, p. iva, piva, iva, numero iva, numero di partita iva, n. iva, part. iva, codice iva
    """,
    "it_partita_iva": """
        partita iva, p.iva, p. iva, piva, numero di partita iva, n. iva, part. iva, codice iva, p.i, partite iva
    """,
    "ch_ahv": "avs, numero avs, n. avs, numero d'assicurato",
}
MONTHS = """
    gennaio, febbraio, marzo, aprile, maggio, giugno, luglio, agosto, settembre, ottobre, novembre, dicembre, gen, mag,
    giu, lug, set, ott, dic
"""
