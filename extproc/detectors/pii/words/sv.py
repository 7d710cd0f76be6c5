"""Swedish."""

WORDS = {
    "phone": """
        telefon, telefonnummer, telefonnr, tel, tfn nr, mobil, mobilnummer, mobilnr, mobiltelefon, mob, fast telefon,
        fax
    """,
    "call": "ring, ring mig, ringa, ringer, nås, nå mig, slå, kontakta, sms till",
    "date_of_birth": "född, född den, född år, födda, födelsedatum, födelsedag, födelse, födelsedata",
    "passport": "passet, passnummer, passnr, pass nummer",
    "credit_card": "kort, kortet, kortnummer, kreditkort, betalkort, bankkort, kontokort",
}
MONTHS = "januari, februari, mars, april, maj, juni, juli, augusti, september, oktober, november, december, okt"
