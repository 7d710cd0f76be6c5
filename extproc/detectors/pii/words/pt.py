"""Portuguese."""

WORDS = {
    "phone": """
        telefone, telefones, tel, telefone fixo, número de telefone, nº de telefone, telemóvel, telemóveis, número de
        telemóvel, celular, celulares, número de celular, fone, fax, móvel, contacto telefónico, meu número é, o meu
        número é, zap
    """,
    "call": """
        liga, ligue, ligar, ligue me, liga me, ligue para, ligar para, contactar, contatar, contacto, contato, chamar,
        discar
    """,
    "date_of_birth": """
        nasci, nasci em, nasceu, nasceu em, nascido, nascida, nascido em, nascida em, data de nascimento, data
        nascimento, dt nascimento, nascimento, nasc, dt nasc, data nasc, aniversário
    """,
    "passport": "passaporte, passaportes, número do passaporte, número de passaporte, nº do passaporte",
    "credit_card": "cartão, cartões, cartão de crédito, cartão de débito, número do cartão, nº do cartão",
    "br_cpf": "cpf, cpfs, cpf/mf, c.p.f, cadastro de pessoa física, cadastro de pessoas físicas",
    "br_cnpj": "cnpj, cnpjs, cnpj/mf, cadastro nacional, cadastro nacional da pessoa jurídica",
    "national_id": "número de identidade, cartão de cidadão, bilhete de identidade, documento de identidade",
    "eu_vat": "número de iva, n.º de iva, iva, nif, nipc, contribuinte, vies",
    "pt_nif": """
        nif, n.i.f, nipc, nº contribuinte, contribuinte, contribuinte nº, contribuinte n.º, número de contribuinte, n.º
        de contribuinte, nº de contribuinte, numero contribuinte, número fiscal, número de identificação fiscal,
        identificação fiscal, contribuintes
    """,
    "us_bank_account": "número da conta, conta bancária, conta corrente, conta n°, nº da conta",
    "swift_bic": "código swift, código bic",
    "card_cvv": "código de segurança, código cvv, código cvc, código de verificação",
    "card_expiry": "data de validade, validade do cartão, válido até, data de vencimento, validade",
    "driver_license": """
        carteira de motorista, cnh, carta de condução, carteira de habilitação, habilitação, número da cnh,
        carta de condução n°, registro cnh
    """,
    "license_plate": "placa, placa do carro, matrícula, placa do veículo, número da placa",
    "vin": "número do chassi, chassi, número de chassi",
    "age": "idade, com idade de, aos, anos de idade",
    "coordinates": "coordenadas",
    "postal_address": "endereço, morada, endereço de entrega, residente em, moro na, mora na, residência",
    "postal_code": "cep, código postal",
    "crypto_wallet": "carteira, endereço, criptomoeda",
    "document_grouped": "documento, documento de identidade",
}
MONTHS = """
    janeiro, fevereiro, março, abril, maio, junho, julho, agosto, setembro, outubro, novembro, dezembro, fev, mai, ago,
    out, dez
"""
