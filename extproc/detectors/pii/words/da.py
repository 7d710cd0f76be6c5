"""Danish and Norwegian."""

WORDS = {
    "phone": """
        telefon, telefonnummer, telefonnr, tlf, tlf nr, tf, tlfnr, mobil, mobilnummer, mobilnr, mobiltelefon, fastnet
    """,
    "call": "ring, ring til, ring meg, ringe, ringes, kontakt, kontakte, træffes, treffes, nås",
    "date_of_birth": "født, født den, fødselsdato, fødselsdag, fødselsdata, fødsel, fødd",
    "passport": "pasnummer, pas nr, passnummer, pass nr, passnr",
    "credit_card": "kort, kortnummer, kreditkort, betalingskort, bankkort, dankort",
}
MONTHS = """
    januar, februar, marts, mars, april, maj, mai, juni, juli, august, september, oktober, november, december, desember,
    okt, des
"""
