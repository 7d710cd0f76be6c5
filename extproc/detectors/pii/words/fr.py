"""French."""

WORDS = {
    "phone": """
        téléphone, telephone, téléphones, tél, tel, numéro de téléphone, n° de téléphone, no de téléphone, numéro de
        tél, portable, numéro de portable, fixe, fax, télécopie, gsm, numéro de mobile, mon numéro est, mon numéro c'est
    """,
    "call": "joindre, joignable, appeler, appelez, appelle, rappeler, rappelez, contacter, contactez, appel",
    "date_of_birth": """
        né le, née le, né, née, nés, nées, date de naissance, naissance, date naissance, anniversaire, né en, née en,
        ddn, né(e) le
    """,
    "passport": "passeport, passeports, numéro de passeport, n° de passeport, passeport n°, no de passeport",
    "credit_card": "carte, carte bancaire, carte bleue, carte de crédit, numéro de carte, cb, n° de carte",
    "ca_sin": "nas, assurance sociale, numéro d'assurance sociale",
    "fr_nir": """
        nir, insee, numéro insee, sécurité sociale, numéro de sécurité sociale, numéro sécurité sociale, sécu,
        numéro de sécu, numéro de ss, numéro ss, n° ss, n° de sécurité sociale, carte vitale, numéro d'assuré,
        num sécu, num secu, n° sécu, no de sécu, nss
    """,
    "national_id": "numéro d'identité, numéro national, carte d'identité, n° d'identité, numéro d'identification",
    "eu_vat": """
        tva, n° tva, n° de tva, numéro de tva, numéro tva, tva intracommunautaire, numéro de tva intracommunautaire, no
        tva, id tva, assujetti à la tva
    """,
    "ch_ahv": """
        avs, no avs, n° avs, numéro avs, numéro d'avs, navs, navs13, numéro d'assuré, numéro de sécurité sociale,
        numéro d'assurance sociale
    """,
    "be_nrn": """
        niss, registre national, numéro de registre national, numéro du registre national, n° de registre national,
        n° registre national, numéro national, no national
    """,
    "us_bank_account": "numéro de compte, compte bancaire, n° de compte, n° compte",
    "swift_bic": "code bic, code swift",
    "card_cvv": "cryptogramme, cryptogramme visuel, code de sécurité, code cvv, code cvc, code de vérification",
    "card_expiry": """
        date d'expiration, expiration de la carte, valable jusqu'au, carte expire, date de validité, expire fin,
        expire le, date de fin de validité
    """,
    "driver_license": """
        permis de conduire, permis de conduire n°, numéro de permis, n° de permis, permis n°, numéro du permis,
        permis b n°
    """,
    "license_plate": """
        plaque d'immatriculation, immatriculation, plaque, plaques d'immatriculation, immatriculé, immatriculée,
        numéro d'immatriculation
    """,
    "vin": "numéro de châssis, numéro d'identification du véhicule, numéro de série du véhicule",
    "age": "âge, âgé de, âgée de, âgés de, âgées de, à l'âge de",
    "coordinates": "latitude, longitude, coordonnées, coordonnées gps",
    "postal_address": """
        adresse, adresse postale, domicile, domicilié, domiciliée, adresse de livraison, adresse de facturation,
        habite, habite au, demeurant
    """,
    "postal_code": "code postal",
    "crypto_wallet": "portefeuille, adresse, cryptomonnaie",
}
MONTHS = """
    janvier, février, mars, avril, mai, juin, juillet, août, septembre, octobre, novembre, décembre, janv, févr, avr,
    juil, déc
"""
