"""Polish."""

WORDS = {
    "phone": """
        telefon, telefonu, telefonem, telefony, numer telefonu, nr telefonu, nr tel, tel, komórka, komórkę, komórki,
        komórkowy, numer komórki, tel kom, nr kom, mój numer to, stacjonarny, fax, faks
    """,
    "call": """
        dzwonić, dzwoń, dzwonię, zadzwoń, zadzwonić, zadzwonił, zadzwoniła, oddzwonić, pod numer, pod numerem, kontakt
    """,
    "date_of_birth": "urodz*, urodził się, urodziła się, data urodzenia, daty urodzenia, dzień urodzin, data ur, ur.",
    "passport": "paszport, paszportu, paszporty, numer paszportu, nr paszportu",
    "credit_card": """
        karta, karty, kartę, karcie, kartą, numer karty, nr karty, karta kredytowa, karty kredytowej, karta płatnicza
    """,
    "pl_pesel": """
        pesel, peselu, peselem, peselowi, numer pesel, nr pesel, numer ewidencyjny, numeru ewidencyjnego, ewidencyjn*
    """,
    "national_id": "numer identyfikacyjny, numer dowodu, dowód osobisty",
    "pl_nip": "nip, numer nip, nr nip, nipu, numer identyfikacji podatkowej",
    "eu_vat": "nip, numer nip, nr nip, nip ue, vat ue, numer vat, nr vat, vat eu, nip-ue",
    "us_bank_account": "numer konta, numer rachunku, nr konta, rachunek bankowy",
    "swift_bic": "kod swift, kod bic",
    "card_cvv": "kod cvv, kod cvc, kod zabezpieczający, kod bezpieczeństwa",
    "card_expiry": "data ważności, ważna do, termin ważności karty",
    "driver_license": "prawo jazdy, prawa jazdy, numer prawa jazdy, nr prawa jazdy",
    "license_plate": """
        numer rejestracyjny, tablica rejestracyjna, nr rejestracyjny, rejestracja, tablice rejestracyjne, numery
        rejestracyjne, tablicach, nr rej
    """,
    "vin": "numer vin, numer nadwozia, nr vin, numer podwozia",
    "age": "wiek, w wieku",
    "years_old": "letni, letnia, letniego, letniej",
    "coordinates": "szerokość geograficzna, długość geograficzna, współrzędne",
    "postal_address": """
        adres, adres zamieszkania, adres dostawy, zamieszkały, zamieszkała, mieszkam przy, mieszka przy
    """,
    "postal_code": "kod pocztowy",
    "crypto_wallet": "portfel, portfela, adres",
}
MONTHS = """
    stycznia, lutego, marca, kwietnia, maja, czerwca, lipca, sierpnia, września, października, listopada, grudnia,
    styczeń, luty, marzec, kwiecień, maj, czerwiec, lipiec, sierpień, wrzesień, październik, listopad, grudzień, sty,
    lut, kwi, cze, lip, sie, wrz, paź, lis, gru
"""
