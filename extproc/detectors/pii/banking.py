"""Money beyond cards and accounts of the IBAN: routing and account numbers, SWIFT codes, what is printed on a card."""

import re

from extproc.detectors.checksums import digits, luhn, numerals, weighted
from extproc.detectors.pii.words import expressions
from extproc.matching.rule import Rule


def _listed(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ROUTED = frozenset([*range(13), *range(21, 33), *range(61, 73), 80])
"""First two digits of routing numbers (American Bankers Association): Federal Reserve districts, thrifts, electronic
numbers, traveller's cheques."""

_COUNTRIES = _listed("""
    AD AE AF AG AI AL AM AO AR AT AU AW AZ BA BB BD BE BF BG BH BI BJ BM BN BO BR BS BT BW BY BZ CA CD CF CG CH CI
    CK CL CM CN CO CR CU CV CW CY CZ DE DJ DK DM DO DZ EC EE EG ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI
    GL GM GN GP GQ GR GT GU GW GY HK HN HR HT HU ID IE IL IM IN IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KR KW KY
    KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MG MH MK ML MM MN MO MQ MR MS MT MU MV MW MX MY MZ NA NC NE NG
    NI NL NO NP NR NZ OM PA PE PF PG PH PK PL PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SK SL SM SN
    SO SR SS ST SV SX SY SZ TC TD TG TH TJ TL TM TN TO TR TT TV TW TZ UA UG US UY UZ VA VC VE VG VI VN VU WF WS XK
    YE YT ZA ZM ZW
""")
"""ISO 3166-1, and Kosovo's code."""

_ENGLISH = _listed("""
    ABSOLUTE ACCEPTED ACCESSED ACCESSES ACCESSOR ACCIDENT ACQUIRED ACQUIRES ACTIVATE ACTIVELY ACTIVITY ACTUALLY
    ADDFIELD ADDITION ADJUSTED ADVANCED ADVISORY AFFINITY ALIASING ALLOCATE ALPHABET ANCESTOR APPEARED ARGUMENT
    ARRANGED ARTICLES ARTISTIC ASSIGNED ATTACHED ATTACHES ATTACKER AUDIENCE AUTOCONF BALANCED BASELINE BASENAME
    BEHAVIOR BENEFITS BENJAMIN BINDINGS BITFIELD BLOCKING BOOKMARK BRACKETS BRANCHES BREAKING BROWSERS BROWSING
    BUFFERED BUGZILLA BUSINESS CALENDAR CALLBACK CAPACITY CENTROID CERTFILE CHAINING CHANGING CHANNELS CHECKERS
    CHECKING CHOOSING CLASSIFY CLEANING CLICKING CLOBBERS COALESCE CODENAME COLGROUP COLLECTS COLNAMES COMBINED
    COMBINES COMPARED COMPARES COMPILED COMPILER COMPLAIN COMPLETE COMPLIES COMPRESS COMPUTED CONCERNS CONCRETE
    CONFLICT CONFUSED CONNECTS CONSIDER CONSISTS CONSTANT CONTAINS CONTINUE CONTROLS CONVERTS COOKBOOK CORELIST
    CREATING CREATION CRITERIA CURRENCY CUSTOMER DANGLING DATABASE DATAGRAM DATALIST DATASETS DEADLINE DEALINGS
    DEBUGGER DECEMBER DECIMALS DECISION DECLARED DECLARES DECODERS DEFINING DEFLATED DELEGATE DELIVERY DESIGNED
    DESIGNER DESTROYS DETACHED DETAILED DIALECTS DIRECTOR DISCARDS DISCRETE DISPATCH DISPLAYS DISTANCE DISTINCT
    DIVISION DOCUMENT DOMESTIC DOWNLOAD DURATION DYNAMICS ELIMINAR ELLIPSIS ELLIPTIC EMULATED EMULATES ENABLING
    ENHANCED ENSEMBLE ENTIRELY ENTIRETY ENVELOPE EQUALITY EQUATION ESTIMATE EUROPEAN EVALUATE EVIDENCE EXAMINED
    EXAMPLES EXCHANGE EXERCISE EXPLAINS EXPLICIT EXPONENT EXTERNAL FACEBOOK FACILITY FALLBACK FAMILIAR FAMILIES
    FEBRUARY FEEDBACK FICHIERS FILEMODE FILENAME FILEPATH FILESIZE FILTERED FINALIZE FINISHED FOOTNOTE FORMERLY
    FORWARDS FRAGMENT FRAMESET FULLNAME FUNCTION GATHERED GAUSSIAN GENEROUS GEOMETRY GETVALUE GLOBALLY GLOSSARY
    GRADIENT GRAPHICS GUESSING GUIDANCE HANDLING HARDWARE HEADINGS HEADLINE HERITAGE HIGHLAND HIRAGANA HOMEPAGE
    HOSPITAL HOSTNAME HREFLANG IDENTITY INDICATE INDIRECT INDUSTRY INFINITE INFINITY INHERENT INITIALS INSECURE
    INSPECTS INSPIRED INSTALLS INSTANCE INSTRUCT INTEGERS INTEGRAL INTEREST INTERNAL INTERNET INVERSES INVOKING
    INVOLVED INVOLVES ISFINITE ISOLATED ISSUANCE ITERATES ITERATOR JACOBIAN JAPANESE JUDGMENT KEYBOARD LABELING
    LANGUAGE LISTINGS LISTITEM LOCALITY LOCALIZE LOCATION LOCKFILE LOGISTIC LOOPBACK MACHINES MAGAZINE MAINTAIN
    MAKEFILE MANAGERS MANAGING MANUALLY MAPPINGS MARKDOWN MATERIAL MAXIMISE MAXIMIZE MEANINGS MEDICINE MESSAGES
    MIGRATED MINIMIZE MISMATCH MODIFIED MODIFIER MODIFIES MOUNTAIN MULTIPLE MUTUALLY NATIONAL NATIVELY NEGATIVE
    NETSCAPE NEWLINES NODELIST NOFRAMES NORMALLY NOTATION NOTIFIED NOTIFIER NOTIFIES NOVEMBER NUMBERED OBTAINED
    OFFICIAL OMISSION OPERATES OPERATOR OPPOSITE OPTGROUP OPTIONAL ORDINARY ORIGINAL OUTDATED OUTLINES OVERLAPS
    OVERRIDE OVERSIZE OVERVIEW PACKAGED PACKAGES PAGESIZE PARALLEL PASSTHRU PASSWORD PATHNAME PATTERNS PERSONAL
    PHYSICAL PIPELINE PLANNING PLATFORM PLAYBACK POLICIES POPULATE POSITION POSITIVE POSTGRES PREAMBLE PRECLUDE
    PREPARED PREPARES PRESERVE PRESSING PRESSURE PROBABLE PROFILER PROFILES PROGRESS PROJECTS PROMISES PROMPTED
    PROPERLY PROPERTY PROPOSAL PROTOCOL PROVIDED PROVIDER PROVIDES PUNYCODE PURCHASE QUESTION RANDOMLY RATIONAL
    READFILE READLINE REALPATH REASSIGN RECOVERY RECVFROM RECYCLED REDEFINE REDIRECT REFLECTS REFUSING REGIONAL
    REGISTER REGISTRY RELATION RELATIVE RELEASED RELEVANT RELIANCE RELOADED RELOCATE REMOVING RENDERED RENDERER
    REPEATED REPUBLIC REQUESTS REQUIRED REQUIRES RESEARCH RESIDENT RESOLVED RESOLVER RESOLVES RESOURCE RESPECTS
    RESPONSE RESTARTS RESULTED RETAINED RETRIEVE REVEALED REVERSED REVERSES REVISION REVOKING ROLLBACK ROUTINES
    RUBYGEMS SAMPLING SCANNING SCENARIO SCHEDULE SEARCHED SEARCHES SECURITY SEGFAULT SELECTOR SENDMAIL SENTENCE
    SENTINEL SEQUENCE SETTINGS SHORTAGE SHORTCUT SHUTDOWN SIGNALED SIMPLIFY SIMULATE SKELETON SLIGHTLY SMALLINT
    SNAPSHOT SNIPPETS SOCKADDR SOFTWARE SOLUTION SPANNING SPEAKING SPELLING SPLITTER SPOOFING STACKING STANDARD
    STARTTLS STATUSES STRATEGY STRENGTH STRONGER STRONGLY SUBCLASS SUBFIELD SUBTITLE SUCCEEDS SUGGESTS SUNSHINE
    SUPERSET SUPPLIED SUPPLIES SUPPRESS SWITCHED SWITCHES SYMBOLIC SYMLINKS SYNOPSIS SYSCALLS TARBALLS TARGETED
    TEACHING TEARDOWN TEMPFILE TEMPLATE TERMINAL TESTCASE TEXTAREA THINKING THOUSAND THREADED THROTTLE THURSDAY
    TOGETHER TOGGLING TOKENIZE TRACKING TRAILING TRAINING TRANSFER TRANSMIT TRAVERSE TREASURY TRIANGLE TRIGGERS
    TROPICAL TRUNCATE TWEAKING TYPENAME ULTIMATE UNCOMMON UNESCAPE UNIVERSE UNLIKELY UNLOCKED UNPACKED UNPARSED
    UNSIGNED UPGRADED UPGRADES UPLOADED UPSTREAM USERNAME UUENCODE VARIABLE VERBATIM VERIFIED VERIFIES VERTICAL
    VIOLATES VIOLENCE VIRGINIA VISUALLY WARNINGS WARRANTY WEIGHTED WILDCARD WIRELESS WORKFLOW WRAPPERS YOURSELF
    ACCUMULATED ACCUMULATOR ADJUSTMENTS AGGREGATION ARBITRARILY ARRANGEMENT ASSIGNMENTS ASSOCIATION ATTACHMENTS
    BACKSLASHES CARDINALITY CELLPADDING COEFFICIENT COLLECTIONS COMBINATION COMPARISONS COMPILATION COMPLICATED
    COMPRESSION CONCATENATE CONFLICTING CONNECTIONS CONSECUTIVE CONSIDERING CONSISTENCY CONSTRAINED CONSTRAINTS
    CONSTRUCTED CONSTRUCTOR CONTROLLING CONVERSIONS CUSTOMIZING DECLARATION DEFINITIONS DEPRECATION DERIVATIVES
    DESTINATION DESTRUCTION DIAGNOSTICS DIFFERENCES DIFFERENTLY DISCREPANCY DISPLAYNAME DISTINCTION DISTINGUISH
    DOCUMENTING EFFICIENTLY ENGINEERING ENUMERATION ENVIRONMENT EQUIVALENCE EQUIVALENTS EXCLUSIVELY EXPONENTIAL
    EXPRESSIONS FILESYSTEMS FINGERPRINT FUNDAMENTAL HEXADECIMAL HIERARCHIES INDEPENDENT INDIRECTION INSTRUCTION
    INTEGRATION INTERESTING LIGHTWEIGHT MEANINGLESS NECESSARILY NONNEGATIVE ORIGINATING OVERLAPPING PERMISSIONS
    PRECOMPUTED PREFERENCES PREPARATION PROPAGATION RECALCULATE RECOMMENDED RECOVERABLE RECURSIVELY REDIRECTING
    REDIRECTION REFERENCING REGISTERING REPRESENTED REQUIREMENT SENSITIVITY STYLESHEETS SUGGESTIONS SUPPRESSION
    SYNCHRONIZE SYNCHRONOUS TECHNICALLY TERMINATING TERMINATION TERMINOLOGY TRANSACTION TRANSITIONS TRANSLATING
    TRANSLATION TRANSMITTED UNAMBIGUOUS UNAVAILABLE UNDERSTANDS UNENCRYPTED UNINSTALLED UNSPECIFIED
""")
"""Words with a country in their fifth place that may stand beside "SWIFT", also as the name of a language, or "bic"."""

_LEAST_ACCOUNT, _MOST_ACCOUNT = 6, 17
"""Digits of an account; ACH entries have room for 17 (Nacha Operating Rules)."""

_DATE = re.compile(r"(?:19|20)\d\d[ -]\d\d[ -]\d\d(?!\d)")

_CARD = r"(?:\d{4}[ -]?){3}\d{4}|\d{4}[ -]?\d{6}[ -]?\d{5}"
_EXPIRY = r"(?:0[1-9]|1[0-2]) ?[/-] ?(?:20)?[2-4]\d"
_APART = r"[ ,;:|/\t]{1,3}(?:(?i:exp(?:iry|ires|\.)?|valid thru|cvv2?|cvc2?)[ :.]{1,2})?"
"""Separators of the values of a card in one line, as forms and leaked lists have them."""


def _routing(text: str) -> bool:
    number = digits(text)
    return (
        number[0] * 10 + number[1] in _ROUTED
        and len(set(number)) > 2
        and weighted(number, (3, 7, 1, 3, 7, 1, 3, 7, 1)) % 10 == 0
    )


def _account(text: str) -> bool:
    number = numerals(text)
    if len(number) in {15, 16} and number[0] in "3456" and luhn(number):
        return False  # a payment card
    return _LEAST_ACCOUNT <= len(number) <= _MOST_ACCOUNT and len(set(number)) > 1 and _DATE.match(text) is None


def _swift(text: str) -> bool:
    code = text.upper()
    # ISO 9362: the country, and a location that does not begin with 0 or 1 and has no letter O behind it.
    return code[4:6] in _COUNTRIES and code[6] not in "01" and code[7] != "O" and code not in _ENGLISH


def _of_card(match: str, _: str) -> bool:
    number = numerals(match)
    return any(luhn(number[:size]) and len(set(number[:size])) > 1 for size in (15, 16))


def _account_rule(name: str, words: str, score: float, hits: tuple[str, ...], misses: tuple[str, ...]) -> Rule:
    return Rule(
        kind="us_bank_account",
        name=name,
        cued=True,
        pattern=r"\d{6,17}|\d{3,6}(?:[ -]\d{2,6}){1,4}",
        before=r"[:alnum:].-",
        after=r"[:alnum:]-",
        validator=_account,
        context=expressions(words),
        near=(40, 0),
        named=True,
        score=score,
        hits=hits,
        misses=misses,
    )


RULES = (
    Rule(
        kind="us_routing_number",
        name="us-routing",
        # As cheques have it; without hyphens it takes a word.
        pattern=r"\d{4}-\d{4}-\d",
        sign=r"\d{4}-\d{4}-\d[^0-9A-Za-z-]",
        before=r"[:alnum:].-",
        after=r"[:alnum:]-",
        numeric=True,
        validator=_routing,
        score=0.6,
        hits=("«0711-0130-7»", "pay to «3222-7162-7»."),
        misses=("1234-0000-0", "0711-0130-8", "0711-0130-7-1", "1111-1111-1"),
    ),
    Rule(
        kind="us_routing_number",
        name="us-routing-spoken-of",
        cued=True,
        pattern=r"\d{9}|\d{4}-\d{4}-\d",
        validator=_routing,
        context=expressions("us_routing_number"),
        near=(40, 24),
        named=True,
        score=0.95,
        hits=("routing number: «021000021»", "ABA «121042882»", "«011000015» is our routing number"),
        misses=("021000021", "routing number 021000022", "routing 0210000210", "routing number 991000029"),
    ),
    _account_rule(
        "us-bank-account",
        "us_bank_account",
        0.9,
        hits=(
            "my bank account number is «000123456789»",
            "Checking account: «4401-22890-17»",
            "bank_account=«12345678»",
        ),
        misses=(
            "945456787654",
            "account number 945456787654",
            "bank account 12345",
            "bank account 000000000",
            "bank account 123456789012345678",
            "a bank account since 2010-03-30",
            "bank account of card 4012888888881881",
        ),
    ),
    _account_rule(
        "us-bank-account-number",
        "account_number",
        # Shops and providers of water have such numbers, too.
        0.6,
        hits=("acct no. «945456787654»", "account_number=«12345678»", "Account number: «4401-22890-17»"),
        misses=("945456787654", "the account has 1234567 followers", "account number 12345"),
    ),
    Rule(
        kind="swift_bic",
        name="swift-bic",
        # The code of a head office says what it is.
        pattern=r"[A-Z]{6}[A-Z0-9]{2}XXX",
        validator=_swift,
        score=0.7,
        hits=("«DEUTDEFFXXX»", "to «BARCGB22XXX»."),
        misses=("DEUTQQFFXXX", "XDEUTDEFFXXX", "DEUTDEFF"),
    ),
    Rule(
        kind="swift_bic",
        name="swift-bic-spoken-of",
        pattern=r"[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?|[a-z]{6}[a-z0-9]{2}(?:[a-z0-9]{3})?",
        # Small letters are a name in a program; capitals in every place are rare enough to be looked for.
        sign=r"[A-Z]{6}[A-Z0-9]{2}",
        validator=_swift,
        context=expressions("swift_bic"),
        near=(60, 24),
        named=True,
        hits=("SWIFT code: «DEUTDEFF500»", "BIC «CHASUS33»", "«BNPAFRPP» (BIC)", '{"bic":"«NDEAFIHH»"}'),
        misses=(
            "CHASUS33",
            "SWIFT LANGUAGE",
            "BIC: ABSOLUTE",
            "bic: float REPEATED",
            "bic CHASQQ33",
            "swift: DEUTDE0F",
        ),
    ),
    Rule(
        kind="card_cvv",
        name="card-cvv",
        numeric=True,
        before=r"[:alnum:].-",
        pattern=rf"(?:{_CARD}){_APART}{_EXPIRY}{_APART}(\d{{3,4}})",
        sign=rf"\d{{4}}{_APART}{_EXPIRY}{_APART}\d{{3}}",
        group=1,
        judge=_of_card,
        score=0.95,
        hits=(
            "4012888888881881 12/27 «123»",
            "4012 8888 8888 1881, exp 12/2027, cvv «123»",
            "4012888888881881|09/27|«123»",
            "3782-822463-10005 01/28 «1234».",
        ),
        misses=("4012888888881882 12/27 123", "4012888888881881 13/27 123", "4012888888881881 12/27 12345"),
    ),
    Rule(
        kind="card_cvv",
        name="card-cvv-spoken-of",
        cued=True,
        # In brackets, something else than a telephone number must follow.
        pattern=r"(\d{3,4})|\((\d{3,4})\)(?:[.,;:!?\n]| [A-Za-z]{1,20})",
        sign=r"\d{3,4}[^0-9A-Za-z]",
        group=None,
        before=r"[:alnum:].,(/+-",
        after=r"[:alnum:])/:%-",
        context=expressions("card_cvv"),
        near=(40, 0),
        named=True,
        score=0.85,
        hits=(
            "CVV: «123»",
            "the security code of my card is «4321».",
            "card_cvv=«907»",
            "Prüfnummer «123»",
            "the CVC («640») was",
        ),
        misses=("123", "cvv 12", "cvv 12345", "security code 12/27", "cvv 4012-8888", "cvv (415) 555-2671"),
    ),
    Rule(
        kind="card_expiry",
        name="card-expiry",
        numeric=True,
        before=r"[:alnum:].-",
        pattern=rf"(?:{_CARD}){_APART}({_EXPIRY})",
        sign=rf"\d{{4}}{_APART}{_EXPIRY}",
        group=1,
        after=r"[:alnum:]/-",
        judge=_of_card,
        score=0.95,
        hits=("4012888888881881 «12/27»", "4012 8888 8888 1881, exp «12/2027»", "4012888888881881|«09/27»|123"),
        misses=("4012888888881882 12/27", "4012888888881881 13/27", "4012888888881881 12/27/2024"),
    ),
    Rule(
        kind="card_expiry",
        name="card-expiry-spoken-of",
        cued=True,
        pattern=r"(?:0[1-9]|1[0-2]) ?[/-] ?(?:20)?[2-4]\d|20[2-4]\d-(?:0[1-9]|1[0-2])",
        before=r"[:alnum:]./-",
        after=r"[:alnum:]/-",
        context=expressions("card_expiry"),
        near=(48, 0),
        named=True,
        score=0.75,
        hits=("card expires «12/27»", "Valid thru: «09/2028»", "exp date «01-29»", "card_expiry=«2027-12»"),
        misses=("12/27", "expires 13/27", "exp date 12/27/2024", "expiration of the offer on 12/27"),
    ),
)
