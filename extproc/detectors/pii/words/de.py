"""German."""

WORDS = {
    "phone": """
        telefon, telefonnummer, telefonnr, telefon nr, tel nr, telefonisch, mobil, mobilnummer, mobiltelefon, mobilfunk,
        handy, handynummer, handy nr, rufnummer, festnetz, fax, faxnummer, durchwahl, rückrufnummer
    """,
    "call": "erreichen, erreichbar, anrufen, rufen, ruf mich, ruf uns, melden, zurückrufen, anruf, sms an",
    "date_of_birth": """
        geboren, geboren am, geb, geb am, geburtsdatum, geburtstag, geburtsdat, geb datum, geburt, geborene, geborener
    """,
    "passport": "reisepass, reisepässe, reisepassnummer, reisepass nr, passnummer, pass nr, passnr, ausweisnummer",
    "credit_card": """
        kreditkarte, kreditkarten, kreditkartennummer, karte, karten, kartennummer, karten nr, bankkarte, ec karte
    """,
    "de_tax_id": """
        steuer id, steuer ident, steuerid, steuernummer, steuer nummer, steuer nr, steuer idnr, steuer identnummer,
        steueridentifikationsnummer, steuerliche id, steuerliche identifikationsnummer, identifikationsnummer, idnr, id
        nr, tin, steueridentnummer, steuer identifikationsnummer
    """,
}
MONTHS = """
    januar, jänner, februar, feber, märz, april, mai, juni, juli, august, september, oktober, november, dezember, jän,
    mär, mrz, okt, dez
"""
