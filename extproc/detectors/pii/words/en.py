"""English; and the usual names of members, columns and variables."""

WORDS = {
    "phone": """
        phone, phones, telephone, telephones, tel, tels, tel no, phone number, phone numbers, telephone number,
        telephone numbers, phone no, phone nr, phone num, phone #, ph no, mobile, mobile number, mobile phone, mobile
        no, mob, cell, cell phone, cell number, cellphone, fax, fax number, landline, hotline, whats app, sms, contact
        number, contact no, msisdn, handset, pager, voicemail, home phone, work phone, helpline, ph
    """,
    "call": """
        call, calls, called, calling, dial, dialed, dialing, reach, reached, reachable, office, desk, contact,
        contacted, answer at, answering at, extension, text me, text him, text her, text us, text them, ring me, ring
        him, ring her, ring us, ring them, a ring on, ring on, texted, on the line, toll free
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
    "ca_sin": "sin, sin#, sin number, social insurance, social insurance number, social insurance no, ca sin, s.i.n",
    "uk_nhs": """
        nhs, nhs no, nhs number, nhs #, national health, national health service, patient, patients, health no, health
        number, uk nhs
    """,
    "uk_nino": """
        national insurance, national insurance number, national insurance no, ni number, ni no, nino, ni, nin, uk nino
    """,
    "in_aadhaar": """
        aadhaar, aadhar, adhaar, adhar, aadhaar card, aadhaar number, aadhaar no, uidai, uida, in aadhaar, uid
        no, uid number
    """,
    "in_pan": "pan, pan card, permanent account number, in pan",
    "au_tfn": "tfn, tax file, tax file number, tax file no, australian tax, au tfn",
    "au_medicare": "medicare, medicare card, medicare no, medicare number, au medicare",
    "de_tax_id": """
        tin, tax id, tax number, tax no, tax identification, tax identification number, german tax id, de tax id
    """,
    "nl_bsn": "citizen service number, dutch citizen number, nl bsn",
    "pl_pesel": "polish national id, pl pesel, pesel number",
    "fr_nir": """
        french social security number, social security number, social security no, social security, ssn, fr nir,
        french ssn
    """,
    "es_nif": "spanish tax id, spanish id, spanish identity card, es nif",
    "br_cpf": "br cpf, brazilian tax id",
    "br_cnpj": "br cnpj",
    "crypto_wallet": """
        bitcoin, btc, wallet, wallets, wallet address, crypto, cryptocurrency, litecoin, ltc, dogecoin, doge, tron, trx,
        address, ethereum, eth, solana, sol, monero, xmr, ripple, xrp, cardano, stellar, xlm, polkadot, tezos, algorand,
        algo, sui, aptos, filecoin, usdt, usdc, tether, bch, bitcoin cash, zcash, blockchain, public key, metamask,
        phantom, pubkey, payout address, deposit address
    """,
    "national_id": """
        national id, national ids, national id no, national id number, national id card, national identity card,
        national identity number, national identification number, national number, national insurance id, identity
        number, identity no, identity card, identity card number, identity document, identification number, id number,
        id numbers, id no, id card, id card number, idcard, id card no, personal id, personal id number, personal
        identification number, personal identity number, personal identity code, personal number, personal code,
        citizen id, citizen number, citizen id number, national register number, social security number, population
        register number, government id, civil registration number
    """,
    "eu_vat": """
        vat, vat no, vat number, vat numbers, vat id, vat nr, vat reg, vat reg no, vat registration, vat registration
        number, vat registration no, vat identification number, vatin, eu vat, tax number, tax id
    """,
    "it_partita_iva": "italian vat, italian vat number, italian vat no",
    "pl_nip": "polish vat, polish vat number, polish tax number, polish tax id",
    "uk_vat": "vat, vat no, vat number, vat reg, vat reg no, vat registration, vat registration number, uk vat, gb vat",
    "au_abn": "abn, a.b.n, abn no, abn number, australian business number, business number, au abn",
    "au_acn": "acn, a.c.n, acn no, acn number, australian company number, company number, au acn",
    "in_gstin": "gstin, gst no, gst number, gst",
    "in_voter_id": """
        voter id, voter id no, voter id number, voter id card, voter card, voters id, voter identity card, elector id,
        epic, epic no, epic number, elector photo identity card, in voter id
    """,
    "cn_resident_id": """
        resident id, resident id number, resident id card, resident identity card, chinese id, chinese id number,
        chinese id card, china id, prc id, cn resident id
    """,
    "jp_my_number": "my number card, individual number, japanese individual number, japanese my number, jp my number",
    "my_number": "my number, mynumber",
    "kr_rrn": """
        rrn, resident registration number, resident registration no, resident registration, korean id, korean
        resident number, frn, foreigner registration number, alien registration number, jumin, kr rrn, ssn
    """,
    "sg_nric": """
        nric, nric no, nric number, nric/fin, fin no, fin number, singapore id, singapore nric, foreign identification
        number, sg nric
    """,
    "th_id": "thai id, thai id number, thai id card, thai national id, thai citizen id, thai identification, th id",
    "my_nric": """
        mykad, my kad, mykad no, mykad number, malaysian ic, malaysian id, malaysian nric, malaysia ic, ic no, ic
        number, nric, nric no, nric number, my nric
    """,
    "id_nik": "nik, nik no, nik number, nik ktp, ktp, ktp no, ktp number, e ktp, indonesian id, id nik",
    "ph_sss": "sss, sss no, sss number, sss id, sss #, philippine sss, social security system, ph sss",
    "ph_tin_grouped": "tin, tin no, tin number, taxpayer identification number",
    "ph_tin": "bir tin, philippine tin, philippines tin, ph tin, bir tin no",
    "il_id": """
        israeli id, israeli id number, israel id, israeli identity number, teudat zehut, mispar zehut, tz number, il
        id, tz, id number israel
    """,
    "za_id": """
        south african id, south african id number, south african identity number, south africa id, sa id, sa id number,
        rsa id, rsa id number, sa identity number, za id
    """,
    "tr_kimlik": "turkish id, turkish id number, turkish identification number, turkish identity number, tr kimlik",
    "se_personnummer": """
        swedish personal number, swedish personal identity number, swedish id, personnummer, person number, pnr, se
        personnummer
    """,
    "fi_hetu": "hetu, fi hetu",
    "dk_cpr": "cpr, cpr no, cpr number, cpr nr, danish cpr, danish personal number, danish id, dk cpr",
    "no_fodselsnummer": """
        norwegian national id, norwegian id, norwegian birth number, norwegian personal number, birth number, no
        fodselsnummer
    """,
    "mx_curp": "curp, mx curp",
    "mx_rfc": "rfc, mexican tax id, mexican rfc, mx rfc",
    "ar_cuil": "cuil, cuit, argentine tax id, argentinian tax id, ar cuil, ar cuit",
    "ar_dni": "dni, dni no, dni number, argentine id, argentinian dni, argentine dni, ar dni",
    "cl_rut": "rut, rut no, rut number, chilean id, chilean rut, chilean tax id, cl rut",
    "co_nit": "nit, nit no, nit number, colombian tax id, colombian nit, co nit",
    "co_cedula": "cedula, cedula number, colombian id, colombian cedula, citizenship card, co cedula",
    "ch_ahv": """
        ahv, avs, ahv number, avs number, swiss social security, swiss social security number, swiss social insurance
        number, social security number, social insurance number, oasi, oasi number, ch ahv
    """,
    "be_nrn": """
        nrn, insz, niss, national register number, national registration number, belgian national number, belgian id,
        belgian national register number, be nrn
    """,
    "pt_nif": "nif, nif number, portuguese tax id, portuguese tax number, portuguese nif, pt nif",
    "ro_cnp": "cnp, personal numerical code, personal numeric code, romanian id, ro cnp",
    "ie_pps": """
        pps, ppsn, pps no, pps number, pps nr, ppsn no, ppsn number, personal public service, personal public service
        number, irish tax number, irish social security number, irish pps, ie pps
    """,
    "at_svnr": """
        austrian social security number, austrian social insurance number, austrian insurance number, svnr, at svnr
    """,
    "at_tax_id": "austrian tax id, austrian tax number, at tax id",
    "cz_rodne_cislo": """
        rodne cislo, czech birth number, slovak birth number, birth number, czech personal number, czech id, slovak
        personal number, cz rodne cislo
    """,
    "gr_amka": "amka, amka number, greek social security number, greek social security, gr amka",
    "gr_afm": "afm, afm number, greek tax id, greek tax number, gr afm",
    "hu_taj": "taj, taj number, hungarian social security number, hungarian health insurance number, hu taj",
    "hu_tax_id": "hungarian tax id, hungarian tax number, hungarian tax identification number, hu tax id",
    "bg_egn": "egn, egn number, bulgarian id, bulgarian personal number, unified civil number, bg egn",
    "hr_oib": "oib, oib number, croatian id, croatian personal identification number, croatian tax id, hr oib",
    "us_routing_number": """
        routing number, routing no, routing #, routing, routing transit number, rtn, aba, aba number, aba
        routing, bank routing, transit number, routing num, bankrouting, abarouting, routing code, aba code
    """,
    "us_bank_account": """
        bank account, bank account number, bank account no, bank acct, checking account, checking account
        number, savings account, savings account number, deposit account, bank acct no, bank acct number,
        savings acct, checking acct, a/c no, a/c number
    """,
    "account_number": """
        account number, account no, account num, account #, acct, acct no, acct number, acct num, acct #
    """,
    "us_itin": """
        itin, itins, individual taxpayer, individual taxpayer identification number, taxpayer identification number,
        taxpayer id, us itin
    """,
    "us_ein": """
        ein, fein, employer identification number, employer id, federal tax id, federal tax number, employer tax
        id, federal employer identification number, us ein, ein number, ein no, tax id number ein, tax id, tax
        id number, tax identification number, federal tax identification number, taxpayer identification number,
        federal tax
    """,
    "us_npi": """
        npi, npis, npi number, npi no, national provider identifier, provider identifier, national provider,
        provider number, provider id, us npi, npi #
    """,
    "us_mbi": """
        mbi, mbi number, medicare, medicare beneficiary, medicare beneficiary identifier, medicare number,
        medicare id, beneficiary identifier, us mbi, medicare beneficiary id, medicare card, beneficiary id,
        medicare beneficiary number
    """,
    "us_dea": """
        dea, dea number, dea no, dea #, dea registration, dea registration number, dea license, us dea,
        prescriber dea
    """,
    "swift_bic": """
        swift, swift code, swift bic, swift no, bic, bic code, bic swift, bank identifier code, bank identification
        code, swiftcode, swift number
    """,
    "card_cvv": """
        cvv, cvv2, cvc, cvc2, cvn, csc code, csc number, card csc, cid number, cvv code, cvc code, cvv number, card
        cvv, card cvc, security
        code, card security code, card verification, card verification code, card verification value, card
        verification number, card code, verification value
    """,
    "card_expiry": """
        card expiry, card expiry date, card expires, card expiration, card expiration date, card exp, exp date,
        expdate, exp, expiry, expiry date, exp dt, valid thru, valid through, good thru, card valid until, cc
        exp, cc expiry, expiration date, valid until, expires, expires on
    """,
    "driver_license": """
        driver's license, drivers license, driver license, driver's licence, drivers licence, driver licence,
        driving license, driving licence, driver’s license, driver’s licence, driving permit, driver's permit,
        driver's license number, driver license number, dl number, dl no, dl #, dln, license number, licence
        number, driver id, drivers lic, driver lic, driver's license #, license no, licence no, lic no
    """,
    "license_plate": """
        license plate, license plates, licence plate, license plate number, licence plate number, number plate,
        number plates, plate number, plate no, registration plate, vehicle registration, car registration,
        vehicle registration number, registration mark, vrm, vrn, tag number, vehicle plate, car plate, reg
        plate, plate, plates, car reg, vehicle reg
    """,
    "vin": """
        vin, vin number, vin no, vin #, vehicle identification number, vehicle identification, vehicle id number,
        chassis number, chassis no, frame number
    """,
    "imei": "imei, imei number, imei no, imeis, imei1, imei2, imeisv, device imei",
    "age": "age, aged, at the age of, ages",
    "years_old": """
        years old, year old, years of age, yrs old, yr old, yo, y o, y/o, years young, years-old, months old, month
        old
    """,
    "coordinates": """
        latitude, longitude, lat, lon, lng, long, gps, coordinates, coords, geo lat, geo lon, gps lat, gps lon, gps
        latitude, gps longitude
    """,
    "postal_address": """
        address, home address, street address, mailing address, postal address, billing address, shipping address,
        delivery address, residential address, address line, address line 1, address1, street, lives at, live at,
        living at, lived at, resides at, residing at, residence, deliver to, ship to, mail to, domicile
    """,
    "postal_code": "zip, zip code, zipcode, postcode, postal code, post code, zip codes, postalcode",
}
MONTHS = """
    january, february, march, april, may, june, july, august, september, october, november, december, jan, feb, mar,
    apr, jun, jul, aug, sep, sept, oct, nov, dec
"""
