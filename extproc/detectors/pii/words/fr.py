"""French."""

WORDS = {
    "phone": """
        téléphone, telephone, téléphones, tél, tel, numéro de téléphone, n° de téléphone, no de téléphone, numéro de
        tél, portable, numéro de portable, fixe, fax, télécopie, gsm, numéro de mobile
    """,
    "call": "joindre, joignable, appeler, appelez, appelle, rappeler, rappelez, contacter, contactez, appel",
    "date_of_birth": """
        né le, née le, né, née, nés, nées, date de naissance, naissance, date naissance, anniversaire, né en, née en
    """,
    "passport": "passeport, passeports, numéro de passeport, n° de passeport, passeport n°, no de passeport",
    "credit_card": "carte, carte bancaire, carte bleue, carte de crédit, numéro de carte, cb, n° de carte",
    "ca_sin": "nas, assurance sociale, numéro d'assurance sociale",
    "fr_nir": """
        nir, insee, numéro insee, sécurité sociale, numéro de sécurité sociale, numéro sécurité sociale, sécu, numéro de
        sécu, numéro de ss, numéro ss, n° ss, n° de sécurité sociale, carte vitale, numéro d'assuré
    """,
}
MONTHS = """
    janvier, février, mars, avril, mai, juin, juillet, août, septembre, octobre, novembre, décembre, janv, févr, avr,
    juil, déc
"""
