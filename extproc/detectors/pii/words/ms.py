"""Malay and Indonesian."""

WORDS = {
    "phone": """
        telefon, nombor telefon, no telefon, telepon, nomor telepon, no telp, telp, nomor hp, no hp, nomor ponsel,
        telefon bimbit
    """,
    "date_of_birth": "tarikh lahir, tanggal lahir, tgl lahir, dilahirkan, lahir pada, kelahiran, lahir tanggal, lahir",
    "passport": "pasport, paspor, nombor pasport, nomor paspor, no paspor, no pasport",
    "credit_card": "kad kredit, kartu kredit, kartu debit, nombor kad, nomor kartu",
    "my_nric": """
        kad pengenalan, no kad pengenalan, nombor kad pengenalan, no kp, mykad, no ic, nombor ic, no. kad pengenalan,
        no. k/p
    """,
    "id_nik": """
        nik, nomor nik, no nik, ktp, nomor ktp, no ktp, e ktp, nomor induk kependudukan, kartu tanda penduduk, no. ktp,
        no. nik
    """,
    "driver_license": "lesen memandu, nomor sim, no sim",
    "license_plate": "nombor plat, plat nomor, nomor polisi",
    "card_cvv": "kod keselamatan, kode keamanan",
    "us_bank_account": "nombor akaun, nomor rekening, no rekening",
    "card_expiry": "tarikh luput, berlaku hingga",
    "crypto_wallet": "dompet, alamat",
}
MONTHS = """
    januari, februari, maret, mac, april, mei, juni, jun, juli, julai, agustus, ogos, september, oktober, november,
    desember, disember
"""
