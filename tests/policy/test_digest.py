from extproc.policy import loads
from extproc.policy.digest import DIGEST_CHARACTERS, digest_of
from extproc.policy.secrets import PRICE_FILE, is_public, key_of, pins_of, rules_of

POLICY = "version: 1\nbackends: [{name: local, url: http://127.0.0.1:9, api: openai}]\n"


def test_a_digest_covers_what_a_policy_says_and_not_how_it_is_written() -> None:
    digest = digest_of(loads(POLICY), {})
    assert len(digest) == DIGEST_CHARACTERS
    assert digest_of(loads("# a comment\n" + POLICY + "unknown_models: reject\n"), {}) == digest
    assert digest_of(loads(POLICY + "unknown_models: pass\n"), {}) != digest


def test_a_digest_covers_conditions_by_their_text() -> None:
    limits = "residency: [{name: eu, regions: [eu], when: tools > 0}]\n"
    policy = POLICY.replace("api: openai", "api: openai, region: eu")
    assert digest_of(loads(policy + limits), {}) != digest_of(loads(policy + limits.replace("tools", "images")), {})


def test_a_digest_covers_files_that_decide_and_never_a_secret() -> None:
    policy = loads(POLICY)
    digest = digest_of(policy, {})
    for name in (PRICE_FILE, rules_of("a", "request", "keys"), pins_of("files")):
        assert is_public(name)
        assert digest_of(policy, {name: b"one"}) not in {digest, digest_of(policy, {name: b"two"})}
    for name in ("local", key_of("a", "request", "pii"), "pipelines/a/request/corp/guard/token"):
        assert not is_public(name)
        assert digest_of(policy, {name: b"secret"}) == digest
