"""Values that only the name they are assigned to tells: a service's name, and something random."""

from extproc.detectors.secrets import vendors
from extproc.detectors.secrets.likelihood import (
    entropy,
    example,
    hexadecimal,
    keyed,
    mixed,
    named,
    random,
    stand_in,
    words,
    wordy,
)
from extproc.matching.rule import Rule

_ASSIGNED = r"(?:(?:\x{5c}{0,3}[\"'])?\s{0,12}(?:=>|[:?]{0,3}=|==|:)[\s\"'`\x{5c}]{0,12}|[\"'`]\s?,\s?[\"'`]|[\"']?>)"

ASSIGNED_TO = rf"{vendors.PATTERN}|facebook|sumo|bundle_(?:enterprise__|gems__)contribsys__com|message[_-]?bird"
"""Names that the rules here know."""


_OF_CLIENTS = (
    r"adobe|asana|bitbucket|code_?climate|cc_test|discord|linked[_-]?in|message[_-]?bird|new[ _-]?relic|plaid|sendbird"
)
"""Services whose identifiers of clients other scanners report, as they are half of what a program logs in with."""

_LEAST_BESIDE = 20
"""Characters of a key that a blank or a hyphen parts from the name of its service."""


def _service_value(text: str) -> bool:
    if stand_in(text) or example(text) or words(text) or wordy(text) or not mixed(text):
        return False
    # A commit or a digest has 40 or 64 hexadecimal digits as some keys do: a name that speaks of a service tells them.
    return entropy(text) >= (2.5 if hexadecimal(text) else 3.2)


def _beside(match: str, secret: str) -> bool:
    """True if the name is that of a secret, and what only a blank or a hyphen parts from it is one by itself."""
    if not named(match, secret):
        return False
    return match[-len(secret) - 1] not in " -" or (len(secret) >= _LEAST_BESIDE and keyed(secret))


def _named(kind: str, name: str, value: str, hit: str, miss: str) -> Rule:
    """A value that only the name it is assigned to tells; the find is the value."""
    return Rule(
        kind=kind,
        pattern=rf"(?:{name})[\w.-]{{0,25}}{_ASSIGNED}({value})",
        after=r"\w-",
        sign=name,
        fold=True,
        assigned=True,
        group=1,
        validator=lambda text: random(text, 3.0) and any(map(str.isdigit, text)),
        hits=(hit,),
        misses=(miss,),
    )


RULES = (
    Rule(
        kind="service-credential",
        pattern=rf"(?:{vendors.PATTERN})[\w.-]{{0,25}}(?:{_ASSIGNED}|[ -])([\w=-]{{15,128}})",
        after=r"\w=+/.:@$\x{7b}*-",
        # Names alone are found sixteen at a time, and are rare enough.
        sign=vendors.PATTERN,
        fold=True,
        assigned=True,
        group=1,
        validator=_service_value,
        judge=_beside,
        score=0.7,
        hits=(
            'datadog_api_key = "«9f8e7d6c5b4a39281706f5e4d3c2b1a0»"',
            "fastforex «1234abcd5678efgh9012ijkl3456»",
            "export NETLIFY_TOKEN=«a8f4k29x7m1p5q3w6z0b2n4c9d7f1g5h3j8k2l6m»",
            "SONAR_LOGIN ::= '«4f1c8e2b9d7063f5e1a2c4b8d6f7e9a0b3c5d1e7»'",
        ),
        misses=(
            "github_repository = some-project-2024-archive",
            "stripe_customer_id = 9f8e7d6c5b4a39281706f5e4d3c2b1a0",
            "docker: registry.example.com/team/image1",
            "github: ${GITHUB_TOKEN_FOR_ROBOT}",
            "from openai import OpenAI, DefaultHttpx2Client",
            "segment.py,sha256=6XdX0MfL18tUCaUWDWncIqx0wpq3GiaqzhYP779JvRA",
            "gitlab merge-request-pipeline-2024-stage3",
            'virustotal.checksum="275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"',
        ),
    ),
    _named(
        "facebook-secret",
        "facebook",
        r"[a-f0-9]{32}",
        'facebook_app_secret = "«6dca6432e45d933e13650d1882bd5e69»"',
        "facebook: 00000000000000000000000000000000",
    ),
    _named(
        "okta-token",
        "okta",
        r"00[\w=-]{40}",
        'okta_api_token = "«00QCjAl4MlV-WPXM7k2xR9tY3wZ5vB8nL1cD4fG6hJ»"',
        "oktaKey = 00000000000000000000000000000000000TUVWXYZ",
    ),
    _named(
        "sumologic-access-key",
        "sumo",
        r"[a-z0-9]{64}",
        'SUMO_ACCESS_KEY="«3HSa1hQfz6BYzlxf7Yb1WKG3Hyovm56LMFChV2y9LgkRipsXCujcLb5ej3oQUJlx»"',
        "sumologic: secret",
    ),
    _named(
        "sumologic-access-id",
        "sumo",
        r"su[a-zA-Z0-9]{12}",
        'sumologic.accessId = "«su9OL59biWiJu7»"',
        "sumologic syntax",
    ),
    _named(
        "sidekiq-secret",
        r"bundle_(?:enterprise__contribsys__com|gems__contribsys__com)",
        r"[a-f0-9]{8}:[a-f0-9]{8}",
        'BUNDLE_GEMS__CONTRIBSYS__COM="«cafeb4b3:d3a9b01f»"',
        "bundle_gems: x",
    ),
    _named(
        "messagebird-key",
        r"message[_-]?bird",
        r"[a-z0-9]{25}|[a-f0-9]{8}(?:-[a-f0-9]{4}){3}-[a-f0-9]{12}",
        'messagebird_api_token = "«a8f4k29x7m1p5q3w6z0b2n4c9»"',
        "messagebird docs",
    ),
    Rule(
        kind="service-client-id",
        pattern=rf"(?:{_OF_CLIENTS})[\w. -]{{0,24}}id(?:{_ASSIGNED}| is | )"
        r"(\d{16,19}|[0-9a-f]{24}|[0-9a-z]{14}|[0-9a-z]{32}|[0-9a-z]{64}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})",
        after=r"\w-",
        sign=rf"(?:{_OF_CLIENTS})[\w. -]{{0,24}}id[\"'\s:=?>]",
        fold=True,
        assigned=True,
        group=1,
        validator=lambda text: entropy(text) >= 2.5 and any(map(str.isdigit, text)) and not example(text),
        score=0.5,
        hits=('DISCORD_CLIENT_ID="«472563891047256381»"', "plaid client id: «5f8d7e6c4b3a29180f7e6d5c»"),
        misses=(
            "discord_guild_name = 'general'",
            "adobe_client_id = 00000000000000000000000000000000",
            "bitbucket client id: your-client-id",
        ),
    ),
)
