"""German."""

WORDS = {
    "phone": """
        telefon, telefonnummer, telefonnr, telefon nr, tel nr, telefonisch, mobil, mobilnummer, mobiltelefon,
        mobilfunk, handy, handynummer, handy nr, rufnummer, festnetz, fax, faxnummer, durchwahl, rückrufnummer, meine
        nummer ist, meine nummer lautet
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
        steuer id, steuer ident, steuerid, steuernummer, steuer nummer, steuer nr, steuer idnr, steuer
        identnummer, steueridentifikationsnummer, steuerliche id, steuerliche identifikationsnummer,
        identifikationsnummer, idnr, id nr, tin, steueridentnummer, steuer identifikationsnummer, steuer
        identnr, steuer ident nr, steueridentnr
    """,
    "national_id": "personalausweisnummer, ausweis nr, personenkennzahl, personennummer, identitätsnummer",
    "eu_vat": """
        ust id, ust idnr, ust id nr, ustid, ustidnr, ust identnr, umsatzsteuer id, umsatzsteuer identifikationsnummer,
        umsatzsteueridentifikationsnummer, umsatzsteuer idnr, ust nr, uid, uid nr, uid nummer, mehrwertsteuer nr,
        mehrwertsteuernummer, mwst nr, mwst nummer, steuernummer
    """,
    "at_svnr": """
        svnr, sv nr, sv nummer, sozialversicherungsnummer, sozialversicherungs nr, versicherungsnummer,
        sozialversicherungsnr, vsnr, versicherungs nr, vers nr, versnr
    """,
    "at_tax_id": """
        abgabenkontonummer, abgabenkonto, steuernummer, steuer nr, steuernr, finanzamts nr, st nr, stnr, steuer
        nummer, finanzamt nummer
    """,
    "ch_ahv": """
        ahv, ahv nr, ahv nummer, ahvn13, ahv13, ahvn, sozialversicherungsnummer, versichertennummer, svnr, neue
        ahv nummer, versicherten nr, versichertennr
    """,
    "swift_bic": "bic code, swift code, bankleitzahl international",
    "us_bank_account": "kontonummer, konto nr, bankkonto, kontonr",
    "card_cvv": """
        prüfnummer, kartenprüfnummer, prüfziffer, kartenprüfziffer, sicherheitscode, cvc code, kartensicherheitscode
    """,
    "card_expiry": """
        karte gültig bis, gültig bis, ablaufdatum der karte, ablaufdatum, gültigkeit der karte, verfallsdatum,
        verfalldatum
    """,
    "driver_license": """
        führerschein, führerscheinnummer, führerschein nr, führerscheinnr, fahrerlaubnis, fahrerlaubnisnummer
    """,
    "license_plate": """
        kennzeichen, autokennzeichen, kfz kennzeichen, nummernschild, amtliches kennzeichen, kennzeichens,
        polizeiliches kennzeichen
    """,
    "vin": """
        fahrgestellnummer, fahrzeugidentifizierungsnummer, fahrzeug identifizierungsnummer, fin, fahrgestell nr,
        fahrzeug ident nr
    """,
    "age": "alter, im alter von, lebensalter",
    "years_old": "jahre alt, jahre jung, jahr alt, jährige, jähriger, jähriges, jährigen, jährigem, lebensjahr",
    "coordinates": "breitengrad, längengrad, breite, länge, koordinaten, gps breite, gps länge",
    "postal_address": """
        adresse, anschrift, wohnadresse, lieferadresse, rechnungsadresse, postanschrift, wohnhaft in, wohnhaft,
        wohne in, wohnt in, straße, hausanschrift
    """,
    "postal_code": "plz, postleitzahl",
    "be_nrn": "nationalregisternummer, nationalregister",
    "crypto_wallet": "geldbörse, adresse, wallet-adresse, kryptowährung",
}
MONTHS = """
    januar, jänner, februar, feber, märz, april, mai, juni, juli, august, september, oktober, november, dezember, jän,
    mär, mrz, okt, dez
"""
