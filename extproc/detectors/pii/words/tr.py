"""Turkish."""

WORDS = {
    "phone": """
        telefon*, telefon numaras*, telefon no, tel, tel no, cep, cep telefon*, cep no, gsm, gsm no, mobil, faks, sabit
        hat
    """,
    "call": """
        ara, arayın, arayabilirsiniz, arayınız, aramak, numaradan, numarasından, numaramdan, numaraya, ulaşın,
        ulaşabilirsiniz
    """,
    "date_of_birth": "doğum, doğum tarih*, doğum günü, doğum günüm, doğdum, doğdu, doğumlu, doğumluyum, d.t",
    "passport": "pasaport*, pasaport no, pasaport numaras*",
    "credit_card": "kart, kart no, kart numaras*, kredi kart*, banka kart*, kartım, kartı",
    "national_id": "kimlik numaras*, kimlik no, kimlik",
    "tr_kimlik": """
        tc kimlik, tc kimlik no, tc kimlik numaras*, t.c. kimlik, t.c. kimlik no, t.c. kimlik numaras*, tckn, tc no,
        t.c. no, tc, t.c, tckimlik, tckimlikno, kimlik no, kimlik numaras*, vatandaşlık numaras*, vatandaşlık no,
        kimlik numaram
    """,
    "license_plate": "plaka, plakası, plaka numarası, plakalı, plaka no",
    "driver_license": "ehliyet, sürücü belgesi, ehliyet no, ehliyet numarası, sürücü belgesi no",
    "card_cvv": "güvenlik kodu",
    "years_old": "yaşında, yaşındayım, yaşındaki, yaşındadır",
    "age": "yaş, yaşı",
    "card_expiry": "son kullanma tarihi, skt, geçerlilik tarihi",
    "vin": "şasi no, şasi numarası",
    "postal_address": "adres, adresi, adresim",
    "postal_code": "posta kodu",
    "crypto_wallet": "cüzdan, cüzdanı, adres, adresi",
}
MONTHS = "ocak, şubat, mart, nisan, mayıs, haziran, temmuz, ağustos, eylül, ekim, kasım, aralık"
