"""Spanish."""

WORDS = {
    "phone": """
        teléfono, teléfonos, tel, tlf, tfno, telf, número de teléfono, n° de teléfono, móvil, móviles, número de móvil,
        celular, celulares, número de celular, fijo, fax, número telefónico, número de contacto
    """,
    "call": """
        llámame, llámeme, llama, llame, llamar, llamen, llámanos, llamada, contactar, contacto, localizar, marcar,
        marque
    """,
    "date_of_birth": """
        nací, nací el, nació, nació el, nacido, nacida, nacido el, nacida el, fecha de nacimiento, fecha nacimiento, fec
        nacimiento, nacimiento, f nacimiento, cumpleaños
    """,
    "passport": "pasaporte, pasaportes, número de pasaporte, n° de pasaporte, pasaporte n°",
    "credit_card": "tarjeta, tarjetas, tarjeta de crédito, tarjeta de débito, número de tarjeta",
    "es_nif": "dni, nif, nie, d.n.i, n.i.f, documento nacional de identidad, número de identificación fiscal, dni nif",
}
MONTHS = """
    enero, febrero, marzo, abril, mayo, junio, julio, agosto, septiembre, setiembre, octubre, noviembre, diciembre, ene,
    abr, ago, dic
"""
