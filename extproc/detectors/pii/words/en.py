"""English; and the usual names of members, columns and variables."""

WORDS = {
    "phone": """
        phone, phones, telephone, telephones, tel, tels, tel no, phone number, phone numbers, telephone number,
        telephone numbers, phone no, phone nr, phone num, phone #, ph no, mobile, mobile number, mobile phone, mobile
        no, mob, cell, cell phone, cell number, cellphone, fax, fax number, landline, hotline, whatsapp, sms, contact
        number, contact no, msisdn, handset, pager, voicemail, home phone, work phone, helpline, ph
    """,
    "call": """
        call, calls, called, calling, dial, dialed, dialing, reach, reached, reachable, office, desk, contact,
        contacted, answer at, answering at, extension, text me, text him, text her, text us, text them, ring me, ring
        him, ring her, ring us, ring them, ring, texted, on the line, toll free
    """,
    "date_of_birth": """
        born, born on, birth date, birthdate, birthday, birth day, birthdays, date of birth, dates of birth, dob, d.o.b,
        birth, bday, b day, year of birth
    """,
    "passport": """
        passport, passports, passport no, passport number, passport numbers, passport nr, passport #, passport id,
        travel document, travel document number
    """,
    "credit_card": """
        card, cards, credit card, debit card, bank card, charge card, payment card, card number, card no, card #, card
        num, cc, cc number, ccn, visa, mastercard, master card, maestro, amex, american express, diners, discover, jcb,
        unionpay, pan, primary account number
    """,
    "us_ssn": """
        ssn, ssns, ssn#, ssn no, ssn number, social, social security, social security number, social security no, social
        security #, soc sec, ss #, ss no, ss number, taxpayer, tax payer, us ssn
    """,
    "ca_sin": "sin, sin#, sin number, social insurance, social insurance number, social insurance no, ca sin",
    "uk_nhs": """
        nhs, nhs no, nhs number, nhs #, national health, national health service, patient, patients, health no, health
        number, uk nhs
    """,
    "uk_nino": """
        national insurance, national insurance number, national insurance no, ni number, ni no, nino, ni, nin, uk nino
    """,
    "in_aadhaar": "aadhaar, aadhar, adhaar, adhar, aadhaar card, aadhaar number, aadhaar no, uidai, uida, in aadhaar",
    "in_pan": "pan, pan card, permanent account number, in pan",
    "au_tfn": "tfn, tax file, tax file number, tax file no, australian tax, au tfn",
    "au_medicare": "medicare, medicare card, medicare no, medicare number, au medicare",
    "de_tax_id": """
        tin, tax id, tax number, tax no, tax identification, tax identification number, german tax id, de tax id
    """,
    "nl_bsn": "citizen service number, dutch citizen number, nl bsn",
    "pl_pesel": "polish national id, pl pesel",
    "fr_nir": "french social security number, social security number, social security no, social security, ssn, fr nir",
    "es_nif": "spanish tax id, spanish id, spanish identity card, es nif",
    "br_cpf": "br cpf, brazilian tax id",
    "br_cnpj": "br cnpj",
    "crypto_wallet": "bitcoin, btc, wallet, wallet address, crypto, litecoin, ltc, dogecoin, tron, address",
}
MONTHS = """
    january, february, march, april, may, june, july, august, september, october, november, december, jan, feb, mar,
    apr, jun, jul, aug, sep, sept, oct, nov, dec
"""
