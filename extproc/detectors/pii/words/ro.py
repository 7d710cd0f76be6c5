"""Romanian."""

WORDS = {
    "phone": """
        telefon, telefonul, telefonului, număr de telefon, numărul de telefon, nr de telefon, tel, mobil, mobilul, fax
    """,
    "call": "sunați, sunați mă, sună mă, sunati, apelați, contactați, la numărul",
    "date_of_birth": "născut, născută, născut la, născută la, data nașterii, data nasterii, m am născut, naștere",
    "passport": "pașaport, pașaportul, pașaportului, număr pașaport, numărul pașaportului",
    "credit_card": "card, cardul, cardului, numărul cardului, card de credit, număr card",
}
MONTHS = "ianuarie, februarie, martie, aprilie, mai, iunie, iulie, august, septembrie, octombrie, noiembrie, decembrie"
