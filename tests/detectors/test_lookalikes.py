"""Code, lock files, logs and documents without a secret in which the rules of `secrets` find nothing."""

import json
import random

import pytest

from extproc.detectors import secrets
from extproc.detectors.secrets.likelihood import chosen, given, jwt, keyed, query_value, wordy
from extproc.detectors.secrets.tokens import MODELS, SERVICES, Prefixed
from extproc.matching.rule import Rule
from extproc.matching.span import unite
from tests.gathered import gathered
from tests.inspection.texts import alone, scanner

HARMLESS = (
    "password = get_password()",
    "def login(user: str, password: str, token: str | None = None) -> Session:",
    "client = Client(api_key=self.api_key, password=self.settings.password1)",
    'settings = {"key": "sort_key", "partition_key": "user_id2", "tokens": 1024, "max_tokens": 4096}',
    "api_key: ${API_KEY2}\npassword: $(cat /run/secrets/db1)\ntoken: {{ vault.token1 }}",
    "const token = process.env.ACCESS_TOKEN_2024_PRODUCTION",
    'secret = os.environ["APP_SECRET_KEY_V2"]',
    '"integrity": "sha512-YD5OqkEXabbYOhO/L95jKJMiND+MaD/2HYMiAeHPTT5DKh2YGeMn/hTaYatl7nDe451KP4inFTC94srnPTZxCw=="',
    'name = "urllib3"\nwheels = [{hash = "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"}]',
    "commit 469595e1c0ffee00469595e1c0ffee0046959512\nAuthor: Ann\n    access token handling, see #1234",
    "gpg: key 1A2B3C4D5E6F7788: public key imported",
    "Idempotency-Key: 3bb79c49-6633-5f09-db86-bf8fbdfd93ce\nX-Request-Id: 7a3c9d1e-1f2a-4b3c-8d4e-5f6a7b8c9d0e",
    "![logo](data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4)",
    "cache_key = 'v1:9f86d081884c7d659a2feaa0c55ad015'\nprimary key 9f86d081884c7d659a2feaa0c55ad015",
    '<label for="password">Password</label><input type="password" name="password" autocomplete="new-password">',
    '{"password": "Passwort", "confirm_password": "Passwort wiederholen", "api_key": "API-Schlüssel"}',
    "password: REPLACE_WITH_PASSWORD\napi_key: your-key-here\ntoken: xxxxxxxxxxxxxxxxxxxx\nsecret: <secret>",
    "mysql -u root -p shop < dump.sql; docker run -p 8080:8080 web1; ssh -p 2222 host1",
    "The password must have 8-32 characters. The token is required. A key is needed for access.",
    (
        "call_abcDEF123ghiJKL456mnoPQR toolu_01A09q90qw90lq917835lq9\n"
        "chatcmpl-9xYzAbC123dEf456GhI789jKl msg_01XFDUDYJgAACzvnptvVoYEL"
    ),
    "statetokens = tokendefs[ctx.stack[-1]]; credentials = standard_b64encode(pair2)",
    "Key,Value\nretries,10\n\nname,key\nsha,9f86d081884c7d65\n",
    "user=user, password=password, host=host1, api_key=api_key2",
    "if password == confirm_password1: ok2()",
)


@gathered("text", HARMLESS)
def test_nothing_is_found_in_what_only_looks_like_a_secret(text: str) -> None:
    kinds = {rule.kind for rule in secrets.RULES}
    assert [text[each.start : each.end] for each in scanner().scan(text) if each.kind in kinds] == []


@pytest.mark.parametrize("name", ["sort_key", "cacheKey", "next_token", "max_tokens", "publicKey", "etag", "key"])
def test_names_of_what_opens_nothing_lead_to_nothing(name: str) -> None:
    kinds = {rule.kind for rule in secrets.RULES}
    text = json.dumps({name: "f1d2d2f924e986ac86fdf7b36c94bcdf"})
    assert [each for each in scanner().scan(text) if each.kind in kinds] == []


def _made(of: Prefixed, chance: random.Random) -> str:
    signs = {
        "hex": "0123456789abcdef",
        "lower": "0123456789abcdefghijklmnopqrstuvwxyz",
        "upper": "0123456789ABCDEFGHIJ",
    }
    body = chance.choices(signs.get(of.alphabet, "0123456789abcdefGHIJKLMNopqrsTUVWX"), k=of.least)
    return of.prefixes.split()[0] + "".join(body)


@gathered("of", [*MODELS, *SERVICES], ids=lambda of: f"{of.service} {of.prefixes}")
def test_a_token_of_each_service_in_the_table_is_found_and_a_shorter_one_is_not(of: Prefixed) -> None:
    rule = _rule_of(of)
    token = _made(of, random.Random(of.service))
    text = f"use {token} here"
    assert [text[each.start : each.end] for each in unite(alone(rule).scan(text))] == [token]
    placeholder = of.prefixes.split()[0] + "x" * of.least
    assert alone(rule).scan(f"use {placeholder} here") == []


def _rule_of(of: Prefixed) -> Rule:
    title = "model-provider-token" if of in MODELS else "service-token"
    return next(rule for rule in secrets.RULES if rule.title == title)


def test_words_are_told_from_random_letters() -> None:
    chance = random.Random(11)
    made = [
        "".join(chance.choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", k=32))
        for _ in range(500)
    ]
    assert sum(map(wordy, made)) <= 10
    assert all(
        map(wordy, ("ed25519.Ed25519PrivateKey", "standard_b64encode", "DefaultHttpx2Client", "import_pkcs11_urls"))
    )


def test_a_key_of_one_kind_of_characters_is_longer() -> None:
    letters = "qzxjkvbwpfgmhqzxjkvb"
    assert keyed(letters)
    assert not keyed(letters[:-1])
    digits = "908172635445362718091827"
    assert keyed(digits)
    assert not keyed(digits[:-1])


def test_a_password_of_letters_alone_has_eight_where_only_its_name_tells_it() -> None:
    assert chosen("goodspec")
    assert not chosen("goodspe")
    assert not chosen("Goodspec")
    assert given("goodspe")
    assert not given("password")


def test_a_value_ends_before_the_next_parameter() -> None:
    assert query_value("a1b2&open=1") == 4
    assert query_value("a1&b2;c") == 7


def test_a_web_token_begins_with_an_object() -> None:
    assert jwt("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x")
    assert not jwt("eyJhbasdGciOiJIUaddasd.eyJzdWIiOiIxIn0.x")
    assert not jwt("W10.eyJzdWIiOiIxIn0.x")
