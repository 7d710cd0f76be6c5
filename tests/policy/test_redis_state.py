"""State in Redis: where it is and how it is asked, with no password in the policy."""

from typing import Any

import pytest

from extproc.policy import PolicyError, UnusableError, loads, read_secrets
from extproc.policy.redis_state import RedisAddress, redis_access, redis_address, redis_secret
from extproc.policy.state import State
from tests.gathered import gathered

POLICY = """\
version: 1
backends: [{name: a, url: "http://127.0.0.1:1/v1", api: openai}]
default_backend: none
models: [{name: m, targets: [{backend: a}]}]
state: {redis: %s}
"""


def state(redis: str) -> State:
    return loads(POLICY % redis).state


@gathered(
    ("url", "address"),
    [
        ("redis://redis.internal", RedisAddress("redis.internal", 6379, "", 0, False)),
        ("redis://redis.internal:7000/3", RedisAddress("redis.internal", 7000, "", 3, False)),
        ("redis://10.0.0.1:1/", RedisAddress("10.0.0.1", 1, "", 0, False)),
        ("redis://[::1]:65535/1023", RedisAddress("::1", 65535, "", 1023, False)),
        ("rediss://redis.internal:6380/0", RedisAddress("redis.internal", 6380, "", 0, True)),
        ("unix:///run/redis/r.sock", RedisAddress("", 0, "/run/redis/r.sock", 0, False)),
        ("unix:///run/r.sock?db=2", RedisAddress("", 0, "/run/r.sock", 2, False)),
    ],
)
def test_a_url_names_a_server(url: str, address: RedisAddress) -> None:
    assert redis_address(url) == address


@gathered(
    "url",
    [
        "", "redis", "redis://", "http://redis", "redis://a b", "redis://a:0", "redis://a:65536", "redis://a/1024",
        "redis://a/x", "redis://a?x=1", "redis://a#x", "redis://[x]", "redis://a/0/1", "unix://r.sock", "unix:///a?x=1",
        "redis://a\n", "unix:///a\nb", "redis://" + "a" * 2050, "unix:///" + "a" * 5000,
    ],
)  # fmt: skip
def test_what_names_none_is_refused(url: str) -> None:
    assert redis_address(url) is None


@gathered(
    ("redis", "problem"),
    [
        ("{url: 'redis://user:planted@host'}", "a password is never written into the policy"),
        ("{url: nowhere}", "this is not the URL of a Redis or Valkey server"),
        ("{url: 'redis://h', password: planted}", "a credential is never written into the policy"),
        ("{url: 'redis://h', username: u}", "a user needs a password"),
        ("{url: 'redis://h', username: 'a b', password: {env: P}}", "a user's name has"),
        ("{url: 'redis://h', tls: {sni: a.b}}", "there is no TLS to this server"),
        ("{url: 'redis://h', prefix: 'a{b'}", "a prefix has"),
        ("{url: 'redis://h', prefix: ''}", "a prefix has"),
        ("{url: 'redis://h', timeout: 0.5ms}", "at least 1ms"),
        ("{url: 'redis://h', timeout: 6s}", "at most 5s"),
        ("{url: 'redis://h', on_failure: maybe}", "this is none of: block, allow"),
    ],
)
def test_what_is_wrong_is_said_and_no_password_quoted(redis: str, problem: str) -> None:
    with pytest.raises(PolicyError) as caught:
        state(redis)
    assert problem in caught.value.render()
    assert "planted" not in caught.value.render()


def test_the_defaults_fail_closed_and_quickly() -> None:
    redis = state("{url: 'redis://h'}").redis
    assert redis is not None
    assert (redis.timeout, redis.on_failure, redis.prefix) == (0.02, "block", "extproc:")
    assert redis.address.port == 6379


def test_the_password_and_the_files_of_tls_are_read_with_the_credentials() -> None:
    text = POLICY % (
        "{url: 'rediss://h', username: u, password: {env: P}, tls: {ca: /ca.pem, cert: /cert.pem, key: /key.pem}}"
    )
    pem = b"-----BEGIN planted"

    def file(path: Any, _: int) -> bytes:
        return pem + str(path).encode()

    policy = loads(text)
    read = read_secrets(policy, {"P": "planted\n"}, file)
    access = redis_access(policy.state.redis, read)
    assert access is not None
    assert (access.password, access.ca, access.key) == (b"planted", pem + b"/ca.pem", pem + b"/key.pem")
    assert (access.sni, "planted" in repr(access)) == ("h", False)
    assert redis_secret("password") in read
    with pytest.raises(UnusableError):
        read_secrets(policy, {}, file)
    assert redis_access(None, read) is None


def test_check_notes_a_password_in_clear_text() -> None:
    from extproc.policy import drafted

    for url, noted in (("redis://h", True), ("redis://127.0.0.1", False), ("rediss://h", False), ("unix:///r", False)):
        draft = drafted((POLICY % f"{{url: '{url}', password: {{env: P}}}}").encode(), "policy.yaml")
        notes = [str(each) for each in draft.loaded().notes]
        assert any("in clear text" in each for each in notes) is noted, url
