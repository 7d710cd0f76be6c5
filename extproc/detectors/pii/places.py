"""Places of persons: geographic coordinates and postal addresses."""

import re

from extproc.detectors.pii.words import expressions
from extproc.matching.rule import Rule

_LAT = r"[+-]?(?:[1-8]?\d|90)\.\d{4,15}"
_LON = r"[+-]?(?:\d{1,2}|1[0-7]\d|180)\.\d{4,15}"
_NUMBER = re.compile(r"-?\d+\.\d+")
_LIST = r"(?:\d{7}|\.\d{1,12})[\])]?[,; \n\t]{1,4}[(\[]?"
"""The end of another number, and what parts it from the next: the pair is a part of a list."""

_SECONDS = r"\d{1,2}(?:[.,]\d{1,4})?"
_DMS = rf"\d{{1,3}} ?[°º] ?{_SECONDS} ?['\x{{2032}}\x{{2019}}]? ?(?:{_SECONDS} ?(?:[\"\x{{2033}}\x{{201d}}]|'') ?)?"

_UPPER = r"A-Z\x{c0}-\x{de}\x{100}\x{106}\x{10c}\x{141}\x{15a}\x{160}\x{17b}\x{17d}"
_NAME = rf"[{_UPPER}][\w\x{{c0}}-\x{{24f}}'\x{{2019}}.-]{{0,30}}"
_SMALL = (
    r"(?:de|da|do|di|du|des|del|della|delle|dei|dos|das|la|le|les|los|las|el|y|e|et|van|der|den|von|of|the|św\.|al)"
)
_NAMES = rf"(?:(?:{_SMALL}|{_NAME}) ){{0,4}}{_NAME}"
_HOUSE = r"\d{1,5}(?: ?[A-Za-z])?"
_TOWN_WORD = rf"[{_UPPER}][a-zA-Z\x{{c0}}-\x{{24f}}'\x{{2019}}.]{{1,30}}"
_TOWN = rf"{_TOWN_WORD}(?:[ -]{_TOWN_WORD}){{0,2}}"
_POSTCODE = r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}"
_CODE = r"(?:\d{5}(?:-\d{4})?|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2})"
_UNIT = r"(?:,? (?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor|Room|#)\.? ?#?[A-Za-z0-9-]{1,6})?"
_ENGLISH_END = rf"{_UNIT}(?:(?:,[ \n]|\n){_TOWN}(?:,? [A-Z]{{2}}\b)?(?:,? {_CODE})?|,? {_CODE})?"
_END = rf"(?:(?:, ?|\n| )(?:[A-Z]{{1,2}}-)?\d[\d-]{{3,8}}(?: ?[A-Z]{{2}})?,? {_TOWN})?"
"""A postal code and a town, as they stand behind a street in Europe and Brazil."""

_ROADS = (
    r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Place|Pl|Square|Sq|Terrace|Way|Close|"
    r"Crescent|Highway|Hwy|Parkway|Pkwy|Circle|Gardens|Grove|Mews|Trail|Turnpike)"
)
_FRENCH = r"(?:rue|avenue|boulevard|bd|place|chemin|impasse|all\x{e9}e|quai|route|cours|square|passage)"
_FIRST = (
    r"(?:Strada|Borgo|Contrada|Cuesta|Glorieta|Rambla|Callej\x{f3}n|Urbanizaci\x{f3}n|Pasaje|Calzada|Privada|Rodovia|Ladeira|"
    r"Calle|C/|Avda\.?|Avenida|Av\.?|Plaza|Paseo|Camino|Carrera|Ronda|Carretera|Via|Viale|"
    r"Piazza|Corso|Largo|Vicolo|"
    r"Piazzale|Rua|Travessa|Pra\x{e7}a|Alameda|Estrada|ul\.|ulica|al\.|aleja|pl\.|plac|os\.|osiedle)"
)
_LAST = (
    r"(?:stra(?:\x{df}|ss)e|str\.|weg|platz|allee|gasse|ring|ufer|damm|straat|laan|plein|gracht|kade|dijk|singel|dreef|"
    r"baan|steeg|vej|gade|str\x{e6}de|all\x{e9}|gatan|v\x{e4}gen|gr\x{e4}nd|torget|stigen|backen|veien|vei|gata|katu|kuja)"
)


def _pair(text: str) -> bool:
    """Two numbers that are degrees: not both close to zero, as the numbers of vectors are, and with no third behind."""
    numbers = _NUMBER.findall(text)
    if len(numbers) != 2:
        return False
    latitude, longitude = map(float, numbers)
    return abs(latitude) <= 90 and abs(longitude) <= 180 and max(abs(latitude), abs(longitude)) >= 1


def _degrees(text: str) -> bool:
    return abs(float(text)) <= 180


def _pair_of_dms(text: str) -> bool:
    return all(int(each) < 60 for each in re.findall(r"(?<=[°º ])\d{1,2}(?=\D)", text.replace(" ", "")))


def _street(text: str) -> bool:
    return "\n\n" not in text


RULES = (
    Rule(
        kind="coordinates",
        name="coordinates",
        numeric=True,
        # More numbers behind the pair make it a part of a list, and none.
        pattern=rf"{_LAT} ?[,;/] ?{_LON}(?:[,; \t]{{1,2}}-?\d{{1,3}}\.\d{{1,15}}){{0,2}}",
        sign=r"\d\.\d{4,15} ?[,;/] ?[+-]?\d{1,3}\.\d{4}",
        before=r"[:alnum:].",
        after=r"[:alnum:]",
        behind=_LIST,
        validator=_pair,
        score=0.7,
        hits=("we met at «48.85661, 2.35222»", "«51.507351,-0.127758»", "geo:«37.786971,-122.399677»"),
        misses=(
            "48.8, 2.3",
            "0.1234567, -0.7654321",
            "[12.123456, 13.123456, 14.123456]",
            "1.5 12.123456, 13.123456",
            "98.123456, 13.123456",
            "v48.85661, 2.35222",
            "c -5.839844 6.941406",
        ),
    ),
    Rule(
        kind="coordinates",
        name="coordinates-dms",
        numeric=True,
        pattern=rf"{_DMS}[NS],? {{0,3}}{_DMS}[EWO]",
        sign=r"[°º] ?\d{1,2}",
        validator=_pair_of_dms,
        hits=("«40°26'46\"N 79°58'56\"W»", "«48° 51\u2032 24\u2033 N, 2° 21\u2032 8\u2033 E»", "«52°31.2'N 13°24.3'E»"),
        misses=("90° N", "a turn of 40°26'", "40°76'46\"N 79°58'56\"W"),
    ),
    Rule(
        kind="coordinates",
        name="coordinates-spoken-of",
        cued=True,
        pattern=r"[+-]?\d{1,3}\.\d{3,15}",
        before=r"[:alnum:].+-",
        after=r"[:alnum:].%",
        validator=_degrees,
        context=expressions("coordinates"),
        near=(24, 0),
        named=True,
        score=0.8,
        hits=("lat: «48.8566»", '"longitude": «-122.3996»', "GPS-Breite «52.5200»"),
        misses=("48.8566", "lat 48", "latitude 48.8", "lat: 481.234"),
    ),
    Rule(
        kind="postal_address",
        name="address-english",
        numeric=True,
        pattern=rf"(?:{_HOUSE},? (?:[NSEW]\.? |[NS][EW] )?(?:{_NAME} ){{1,4}}"
        rf"{_ROADS}\b\.?(?: [NS][EW]?| [EW])?|P\.? ?O\.? ?Box \d{{1,6}})"
        rf"{_ENGLISH_END}",
        sign=rf"[a-z0-9'.-] {_ROADS}\b|[Bb][Oo][Xx] \d",
        before=r"[:alnum:].,$-",
        validator=_street,
        score=0.75,
        hits=(
            "I live at «1600 Pennsylvania Avenue NW, Washington, DC 20500»",
            "«12 Baker Street, London NW1 6XE»",
            "send it to «350 Fifth Avenue, Suite 3300, New York, NY 10118».",
            "«P.O. Box 149»",
        ),
        misses=("Baker Street", "in 2023 the Street", "10 miles of Road", "5 stars", "12 angry men on Main"),
    ),
    Rule(
        kind="postal_address",
        name="address-french",
        numeric=True,
        pattern=rf"{_HOUSE}(?: ?(?:bis|ter))?,? {_FRENCH} (?:(?:de |du |des |la |le |les |l'|d'|de l'|"
        rf"{_NAME} )){{0,5}}{_NAME}{_END}",
        sign=rf"\d[A-Za-z ]{{0,5}},? {_FRENCH} ",
        before=r"[:alnum:].,$-",
        score=0.75,
        hits=(
            "j'habite «12 rue de la Paix, 75002 Paris»",
            "«5 bis, avenue Victor Hugo»",
            "«8 place du Général de Gaulle, 59000 Lille»",
        ),
        misses=("rue de la Paix", "3 place names", "12 cours de maths", "5 route tables"),
    ),
    Rule(
        kind="postal_address",
        name="address-street-first",
        numeric=True,
        pattern=rf"{_FIRST} ?{_NAMES},? (?:n[\x{{ba}}o\x{{b0}}]?\.? ?)?\d{{1,5}}(?:/\d{{1,4}}|[A-Za-z])?{_END}",
        sign=rf"{_FIRST} ?(?:[{_UPPER}]|d[aeo])",
        before=r"[:alnum:].",
        score=0.75,
        hits=(
            "vivo en «Calle Mayor 12, 28013 Madrid»",
            "abito in «Via Giuseppe Garibaldi 7, 20121 Milano»",
            "moro na «Rua Augusta, 1500»",
            "mieszkam przy «ul. Marszałkowska 10/4, 00-590 Warszawa»",
            "domicilio: «Callejón del Pez 4, 09791 Ourense»",
            "«Rodovia João Silveira, 992», Bacurau",
        ),
        misses=("Calle Mayor", "via Email 3rd", "Via the API", "Plaza de España"),
    ),
    Rule(
        kind="postal_address",
        name="address-street-joined",
        numeric=True,
        pattern=rf"[{_UPPER}][\w\x{{c0}}-\x{{24f}}-]{{1,30}}(?:"
        rf"{_LAST}|-(?:Stra\x{{df}}e|Str\.|Weg|Platz|Allee|Gasse|Ring|Ufer|Damm)) \d{{1,4}}(?: ?[a-z])?{_END}",
        sign=rf"(?:{_LAST}|-(?:Stra\x{{df}}e|Str\.|Weg|Platz|Allee|Gasse|Ring|Ufer|Damm)) \d",
        before=r"[:alnum:].",
        score=0.75,
        hits=(
            "Ich wohne in der «Hauptstraße 12, 10115 Berlin»",
            "«Goethestr. 5a»",
            "ik woon op de «Keizersgracht 123, 1015 CJ Amsterdam»",
            "«Friedrich-Ebert-Straße 7»",
            "bor på «Trädgårdsgatan 17, 97677 Stockholm»",
            "«Østervej 6, 2411 Tilst»",
            "«Karl-Renner-Gasse 12, 1138 Wien»",
        ),
        misses=("Hauptstraße", "aggregate 5", "unterweg 5", "der Platz 3", "Hauptstraße und 12"),
    ),
    Rule(
        kind="postal_address",
        name="address-spoken-of",
        cued=True,
        # A number first: in a stream, every name would have to wait for what follows.
        pattern=rf"{_HOUSE},? {_NAME}(?: {_NAME}){{1,3}}(?: {_HOUSE})?{_ENGLISH_END}",
        sign=rf"\d[A-Za-z ]{{0,2}},? [{_UPPER}]",
        before=r"[:alnum:].$-",
        context=expressions("postal_address"),
        near=(40, 0),
        named=True,
        score=0.6,
        hits=(
            "address: «221B Baker St, London NW1 6XE»",
            "Adresse: «14 Camino Ancho 91»",
            "<streetAddress>«55 Halsey Road»</streetAddress>",
        ),
        misses=(
            "55 Halsey",
            "the address is 10",
            "address 0x1234",
            "an address space of 2 GiB",
            "the address of 3x more",
        ),
    ),
    Rule(
        kind="postal_address",
        name="postal-code",
        cued=True,
        pattern=rf"\d{{5}}(?:-\d{{3,4}})?|{_POSTCODE}|[A-Z]\d[A-Z] ?\d[A-Z]\d|"
        rf"\d{{4}} ?[A-Z]{{2}}|\d{{2}}-\d{{3}}|\d{{4}}(?:-\d{{3}})?|\d{{6}}",
        before=r"[:alnum:].,/-",
        after=r"[:alnum:]/-",
        context=expressions("postal_code"),
        near=(24, 0),
        named=True,
        score=0.6,
        hits=("ZIP code «94103»", "postcode: «SW1A 1AA»", "PLZ «10115»", "code postal «75002»", "zip=«94103-1234»"),
        misses=("94103", "SW1A 1AA", "zip 3 files", "unzip 12345", "a zip file of 123456789 bytes"),
    ),
)
