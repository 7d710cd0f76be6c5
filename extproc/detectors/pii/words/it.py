"""Italian."""

WORDS = {
    "phone": """
        telefono, telefoni, numero di telefono, tel, cellulare, numero di cellulare, cell, recapito telefonico, fisso,
        fax, numero telefonico, recapito
    """,
    "call": """
        chiamami, chiamare, chiami, chiamate, chiamaci, chiama, contattami, contattare, contattarmi, telefonare,
        raggiungibile, mi trovi al, mi trova al, ci trovate al
    """,
    "date_of_birth": """
        nato il, nata il, nati il, nato/a il, nata/o il, nato/a a, data di nascita, data nascita, nascita, compleanno,
        nato a, nata a
    """,
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
    "us_bank_account": "numero di conto, conto corrente, numero del conto",
    "swift_bic": "codice swift, codice bic",
    "card_cvv": "codice di sicurezza, codice cvv, codice cvc, codice di verifica",
    "card_expiry": "data di scadenza, scadenza della carta, scadenza carta, valida fino al",
    "driver_license": "patente di guida, patente, numero patente, numero di patente, patente n, numero della patente",
    "license_plate": "targa, targata, targato, numero di targa, targa auto",
    "vin": "numero di telaio, telaio, numero telaio",
    "age": "età, all'età di, di età",
    "coordinates": "latitudine, longitudine, coordinate",
    "postal_address": """
        indirizzo, residente in, residenza, indirizzo di spedizione, abito in, abita in, domicilio, indirizzo di
        fatturazione
    """,
    "postal_code": "cap, codice postale, codice di avviamento postale",
    "crypto_wallet": "portafoglio, indirizzo, criptovaluta",
}
MONTHS = """
    gennaio, febbraio, marzo, aprile, maggio, giugno, luglio, agosto, settembre, ottobre, novembre, dicembre, gen, mag,
    giu, lug, set, ott, dic
"""
