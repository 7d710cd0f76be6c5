"""Spanish."""

WORDS = {
    "phone": """
        teléfono, teléfonos, tel, tlf, tfno, telf, número de teléfono, n° de teléfono, móvil, móviles, número de
        móvil, celular, celulares, cel, número de celular, mi número es, mi número nuevo es, fijo, fax, número
        telefónico, número de contacto
    """,
    "call": """
        llámame, llámeme, llama, llame, llamar, llamen, llámanos, llamada, contactar, contacto, localizar, marcar,
        marque
    """,
    "date_of_birth": """
        nací, nací el, nació, nació el, nacido, nacida, nacido el, nacida el, fecha de nacimiento, fecha nacimiento, fec
        nacimiento, nacimiento, f nacimiento, f nac, f. nac, fec nac, f/n, cumpleaños
    """,
    "passport": "pasaporte, pasaportes, número de pasaporte, n° de pasaporte, pasaporte n°",
    "credit_card": "tarjeta, tarjetas, tarjeta de crédito, tarjeta de débito, número de tarjeta",
    "es_nif": "dni, nif, nie, d.n.i, n.i.f, documento nacional de identidad, número de identificación fiscal, dni nif",
    "national_id": """
        documento de identidad, número de identidad, cédula de identidad, identificación, número de identificación,
        identificación nacional
    """,
    "eu_vat": "nif iva, nif, cif, número de iva, iva intracomunitario, n° iva, nif intracomunitario, vies",
    "mx_curp": "curp, clave única de registro de población, clave única",
    "mx_rfc": "rfc, r.f.c, registro federal de contribuyentes, clave rfc, rfc con homoclave",
    "ar_cuil": """
        cuil, cuit, cuil nro, cuit nro, c.u.i.t, c.u.i.l, clave única de identificación tributaria, código único de
        identificación laboral, cuit/cuil
    """,
    "ar_dni": """
        dni, d.n.i, dni nro, documento nacional de identidad, nro de dni, número de dni, nro de documento, nro
        documento, número documento, número de documento, documento nro
    """,
    "cl_rut": """
        rut, r.u.t, rut nro, run nro, rol único tributario, rol único nacional, cédula de identidad, rut empresa,
        rut cliente, rut/run, run/rut, mi run, run n°, r.u.n, carnet
    """,
    "co_nit": "nit, n.i.t, número de identificación tributaria, nit nro, nit empresa",
    "co_cedula": """
        cédula, cédula de ciudadanía, c.c, cédula nro, número de cédula, cédula ciudadanía, nro de cédula,
        cédula de extranjería, n° de cédula, cédula no, c.c. no
    """,
    "us_bank_account": "número de cuenta, cuenta bancaria, nº de cuenta, cuenta corriente, número de la cuenta",
    "swift_bic": "código swift, código bic",
    "card_cvv": """
        código de seguridad, código cvv, código cvc, código de verificación, código de seguridad de la tarjeta
    """,
    "card_expiry": """
        fecha de caducidad, fecha de vencimiento, caducidad de la tarjeta, válida hasta, caduca, vencimiento de
        la tarjeta, caducidad, válida hasta el
    """,
    "driver_license": """
        permiso de conducir, carnet de conducir, licencia de conducir, licencia de manejo, carné de conducir,
        permiso de conducción, número de licencia, licencia de conducir n°
    """,
    "license_plate": "matrícula, placa, placas, matrícula del coche, número de matrícula, patente",
    "vin": "número de bastidor, bastidor, número de chasis",
    "age": "edad, a la edad de, edad de",
    "coordinates": "latitud, longitud, coordenadas",
    "postal_address": """
        dirección, domicilio, dirección postal, dirección de envío, dirección de facturación, vive en, vivo en,
        calle
    """,
    "postal_code": "código postal",
    "us_ssn": "número de seguro social, seguro social, número de seguridad social",
    "us_itin": "número de identificación personal del contribuyente",
    "crypto_wallet": "cartera, billetera, monedero, dirección, criptomoneda, criptomonedas",
    "document_grouped": """
        documento, documento de identidad, doc, doc identidad, doc., documento nro, nro documento, nº documento,
        identificación
    """,
    "cl_run": "run, r.u.n",
    "co_cc": "cc, c.c, cc no, cc nro",
}
MONTHS = """
    enero, febrero, marzo, abril, mayo, junio, julio, agosto, septiembre, setiembre, octubre, noviembre, diciembre, ene,
    abr, ago, dic
"""
