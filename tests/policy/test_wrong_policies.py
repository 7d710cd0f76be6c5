import pytest

from extproc.policy import PolicyError, loads
from extproc.policy.names import BACKEND_NAME_MAX, HEADER_NAME_MAX, LABEL_MAX, MODEL_NAME_MAX
from extproc.policy.paths import PATH_MAX
from extproc.policy.tls import SANS_MAX
from extproc.policy.virtual import WEIGHT_MAX
from tests.gathered import gathered
from tests.policy.texts import GOOD, backend, root, target

INLINE = "a credential is never written into the policy"
LATER = "is not supported by this version"
SIZE = "write a whole number of bytes"
DURATION = "write a number with ms, s, m, h or d"

# the policy; then line, path, part of the message, part of the mend
WRONG = [
    # the root
    ("hello", 1, "", "a mapping belongs here, not text", "`name: value`"),
    ("[]", 1, "", "a mapping belongs here, not a list", "`name: value`"),
    ("backends: [{name: a, url: 'http://x', api: openai}]", 1, "version", "version is missing", "`version: 1`"),
    (GOOD.replace("version: 1", "version: 2"), 1, "version", "this is not 1", "write 1"),
    (GOOD.replace("version: 1", "version: '1'"), 1, "version", "this is not 1", "write 1"),
    ("version: 1", 1, "backends", "backends is missing", "url: https"),
    ("version: 1\nbackends: []", 2, "backends", "a policy needs a backend", "add one"),
    ("version: 1\nbackends:", 2, "backends", "a list belongs here, but there is nothing", "after a dash"),
    ("version: 1\nbackends: {a: b}", 2, "backends", "a list belongs here, not a mapping", "after a dash"),
    (root("rules: []"), 6, "rules", "there is no field rules here", "known here"),
    (root("model: []"), 6, "model", "there is no field model here", "did you mean models?"),
    (root("'a b': []"), 6, "['a b']", "there is no field a b here", "known here: version"),
    (root("on: 1"), 6, "on", "there is no field on here", "known here"),
    (root("unknown_models: drop"), 6, "unknown_models", "none of: reject, pass", "write reject or pass"),
    (root("unknown_models: no"), 6, "unknown_models", "none of: reject, pass", "write reject or pass"),
    (root("unknown_models: rejct"), 6, "unknown_models", "none of: reject, pass", "did you mean reject?"),
    (root("request_trailers: ~"), 6, "request_trailers", "none of: reject, pass", "write reject or pass"),
    (root("default_backend: b"), 6, "default_backend", "there is no backend b", "known here: a, none"),
    (root("default_backend: nine"), 6, "default_backend", "there is no backend nine", "did you mean none?"),
    # what the format names and this version has not
    (root("cache: {exact: {ttl: 10m}}"), 6, "cache", LATER, "delete it"),
    (
        backend().replace("api: openai", "api: gemini"),
        5,
        "backends[0].api",
        f"api gemini {LATER}",
        "openai or anthropic",
    ),
    (backend().replace("api: openai", "api: bedrock"), 5, "backends[0].api", LATER, "openai or anthropic"),
    (backend().replace("api: openai", "api: azure-openai"), 5, "backends[0].api", LATER, "openai or anthropic"),
    # tenants
    (root("tenants: {}"), 6, "tenants.from", "from is missing", "add `from: ...`"),
    (root("tenants: {from: {}}"), 6, "tenants.from", "comes from one place", "write {header: x-tenant-id}"),
    (root("tenants: {from: {claim: sub}}"), 6, "tenants.from", "a filter's metadata", "{claim: sub, metadata:"),
    (root("tenants: {from: {header: x-a, identity: subject}}"), 6, "tenants.from", "comes from one place", "write {"),
    (root("tenants: {from: {identity: subject, trusted: true}}"), 6, "tenants.from", "only a header", "delete"),
    (root("tenants: {from: {identity: san}}"), 6, "tenants.from.identity", "none of: uri_san", "uri_san"),
    (root("tenants: {from: {header: x-api-key}}"), 6, "tenants.from.header", "carries credentials", "trusted filter"),
    (root("tenants: {from: {header: x-a}, unknown: reject}"), 6, "tenants", "every tenant is unknown", "add `known`"),
    (
        root("tenants: {from: {header: x-a}, known: {a: {Region: eu}}}"),
        6,
        "tenants.known.a.Region",
        "lower-case letters",
        "write it like region",
    ),
    (root("time_zone: Mars/Olympus"), 6, "time_zone", "no such time zone", "Europe/Berlin"),
    (root("time_zone: ../localtime"), 6, "time_zone", "no such time zone", "Europe/Berlin"),
    # backends
    (backend().replace("api: openai", "api: opneai"), 5, "backends[0].api", "none of: openai", "did you mean openai?"),
    (backend().replace("api: openai", "api: 7"), 5, "backends[0].api", "none of: openai", "write openai or anthropic"),
    (backend().replace("name: a", "name: on"), 3, "backends[0].name", "YAML reads on as true", '"on"'),
    (backend().replace("name: a", "name: 12"), 3, "backends[0].name", "YAML reads 12 as a number", '"12"'),
    (backend().replace("name: a", "name: 1.5"), 3, "backends[0].name", "YAML reads 1.5 as a fraction", '"1.5"'),
    (backend().replace("name: a", "name: 010"), 3, "backends[0].name", "YAML readers differ", "quote it"),
    (backend().replace("name: a", "name: 1:30"), 3, "backends[0].name", "YAML readers differ", "quote it"),
    (backend().replace("name: a", "name: [a]"), 3, "backends[0].name", "text belongs here, not a list", "a word"),
    (backend().replace("name: a", "name:"), 3, "backends[0].name", "but there is nothing", "write a word"),
    (backend().replace("name: a", "name: 'a b'"), 3, "backends[0].name", "name of an Envoy cluster", "letters, digits"),
    (backend().replace("name: a", "name: ''"), 3, "backends[0].name", "name of an Envoy cluster", "letters, digits"),
    (backend().replace("name: a", "name: extproc"), 3, "backends[0].name", "is taken", "choose another name"),
    (backend().replace("name: a", "name: none"), 3, "backends[0].name", "is taken", "choose another name"),
    (
        backend().replace("name: a", "name: " + "a" * (BACKEND_NAME_MAX + 1)),
        3,
        "backends[0].name",
        "cluster",
        "1 to 63",
    ),
    (backend("region: ''"), 6, "backends[0].region", "a label has 1 to", "a short word"),
    (backend("region: " + "e" * (LABEL_MAX + 1)), 6, "backends[0].region", "a label has 1 to 63", "a short word"),
    (backend("models: [{name: m}, {name: m}]"), 6, "backends[0].models[1].name", "already a model", "rename"),
    (backend("models: [{name: m, context_tokens: 0}]"), 6, "backends[0].models[0].context_tokens", "at least 1", "1"),
    (
        backend("models: [{name: m, context_tokens: 1.5}]"),
        6,
        "backends[0].models[0].context_tokens",
        "fraction",
        "digits",
    ),
    (
        backend("models: [{name: m, input_usd_per_mtok: -1}]"),
        6,
        "backends[0].models[0].input_usd_per_mtok",
        "at least 0",
        "at least 0",
    ),
    (
        backend("models: [{name: m, output_usd_per_mtok: '1'}]"),
        6,
        "backends[0].models[0].output_usd_per_mtok",
        "a number belongs here, not text",
        "without quotes",
    ),
    (
        backend("models: [{name: m, output_usd_per_mtok: .inf}]"),
        6,
        "backends[0].models[0].output_usd_per_mtok",
        "YAML readers differ",
        "plain decimal",
    ),
    (
        GOOD.replace("name: local", "name: openai"),
        6,
        "backends[1].name",
        "already a backend of the name openai",
        "rename",
    ),
    # credentials: what stands there is never quoted
    (backend("credential: sk-secret"), 6, "backends[0].credential", INLINE, "{bearer: {file: PATH}}"),
    (backend("credential: 1234"), 6, "backends[0].credential", INLINE, "{bearer: {env: NAME}}"),
    (backend("credential: [sk-secret]"), 6, "backends[0].credential", INLINE, "client"),
    (backend("credential: {bearer: sk-secret}"), 6, "backends[0].credential.bearer", INLINE, "{env: NAME}"),
    (backend("credential: {bearer: 1234}"), 6, "backends[0].credential.bearer", INLINE, "{env: NAME}"),
    (backend("credential: {}"), 6, "backends[0].credential", "says how it is sent", "{bearer: {file: PATH}}"),
    (backend("credential: {file: x}"), 6, "backends[0].credential", "says how it is sent", "{header: x-api-key"),
    (backend("credential: {bearer: {}}"), 6, "backends[0].credential.bearer", "from one place", "{env: NAME}"),
    (
        backend("credential: {bearer: {file: x, env: X}}"),
        6,
        "backends[0].credential.bearer",
        "from one place",
        "{env: NAME}",
    ),
    (backend("credential: {header: x-key}"), 6, "backends[0].credential", "from one place", "{env: NAME}"),
    (
        backend("credential: {header: x-key, env: A-B}"),
        6,
        "backends[0].credential.env",
        "environment variable",
        "_API_KEY",
    ),
    (
        backend("credential: {header: x-key, env: 12}"),
        6,
        "backends[0].credential.env",
        "text belongs here, not",
        "a word",
    ),
    (backend("credential: {header: X-Key, env: A}"), 6, "backends[0].credential.header", "lower case", "write x-key"),
    (backend("credential: {header: ':path', env: A}"), 6, "backends[0].credential.header", "pseudo", "ordinary"),
    (backend("credential: {header: te, env: A}"), 6, "backends[0].credential.header", "belongs to HTTP", "your own"),
    (
        backend("credential: {header: 'a b', env: A}"),
        6,
        "backends[0].credential.header",
        "not the name of a header",
        "use",
    ),
    (
        backend(f"credential: {{header: {'h' * (HEADER_NAME_MAX + 1)}, env: A}}"),
        6,
        "backends[0].credential.header",
        "not the name of a header",
        "use 1 to 128",
    ),
    (
        backend("credential: {bearer: {file: ''}}"),
        6,
        "backends[0].credential.bearer.file",
        "path of a file",
        "/run/secrets",
    ),
    (
        backend(f"credential: {{bearer: {{file: {'f' * (PATH_MAX + 1)}}}}}"),
        6,
        "backends[0].credential.bearer.file",
        "path of a file",
        "/run/secrets",
    ),
    (
        backend("credential: {bearer: {fil: x}}"),
        6,
        "backends[0].credential.bearer.fil",
        "there is no field fil here",
        "did you mean file?",
    ),
    # TLS
    (backend("tls: {}"), 6, "backends[0].tls", "reached over http", "write https"),
    (backend("tls: {insecure: true}"), 6, "backends[0].tls.insecure", "always checked", "`ca`"),
    (backend("tls: {skip_verify: true}"), 6, "backends[0].tls.skip_verify", "always checked", "`ca`"),
    (backend("tls: {sni: 'a b'}"), 6, "backends[0].tls.sni", "not a DNS name", "api.openai.com"),
    (backend("tls: {sni: 127.0.0.1}"), 6, "backends[0].tls.sni", "not a DNS name", "api.openai.com"),
    (backend("tls: {sans: ['*.openai.com']}"), 6, "backends[0].tls.sans[0]", "without wildcards", "the whole name"),
    (backend("tls: {sans: ['not a name']}"), 6, "backends[0].tls.sans[0]", "neither a DNS name nor a URI", "spiffe://"),
    (backend(f"tls: {{sans: [{'a, ' * (SANS_MAX + 1)}]}}"), 6, "backends[0].tls.sans", "at most 32 entries", "fewer"),
    # models and targets
    (root("models: [{targets: [{backend: a}]}]"), 6, "models[0].name", "name is missing", "`name: ...`"),
    (root("models: [{name: m}]"), 6, "models[0].targets", "targets is missing", "`targets: [{backend"),
    (root("models: [{name: m, targets: []}]"), 6, "models[0].targets", "a model needs a target", "{backend: NAME"),
    (root("models: [{name: m, targets: a}]"), 6, "models[0].targets", "a list belongs here, not text", "after a dash"),
    (root("models: [{name: m, targets: [a]}]"), 6, "models[0].targets[0]", "a mapping belongs here", "`name: value`"),
    (root("models: [{name: '', targets: [{backend: a}]}]"), 6, "models[0].name", "this has 0", "the provider's name"),
    (
        root(f"models: [{{name: {'m' * (MODEL_NAME_MAX + 1)}, targets: [{{backend: a}}]}}]"),
        6,
        "models[0].name",
        "this has 129",
        "the provider's name",
    ),
    (root('models: [{name: "a\\tb", targets: [{backend: a}]}]'), 6, "models[0].name", "no control", "copy"),
    (root("models: [{name: ' a', targets: [{backend: a}]}]"), 6, "models[0].name", "no space at its ends", "copy"),
    (
        root("models:", "  - {name: m, targets: [{backend: a}]}", "  - {name: m, targets: [{backend: a}]}"),
        8,
        "models[1].name",
        "already a model of the name m",
        "rename",
    ),
    (target("{model: m}"), 8, "models[0].targets[0].backend", "backend is missing", "`backend: ...`"),
    (target("{backend: b}"), 8, "models[0].targets[0].backend", "there is no backend b", "known here: a"),
    (target("{backend: a, weight: -1}"), 8, "models[0].targets[0].weight", "at least 0", "at least 0"),
    (target("{backend: a, weight: 0}"), 8, "models[0].targets", "every weight is 0", "above 0"),
    (target("{backend: a, weight: yes}"), 8, "models[0].targets[0].weight", "a whole number belongs here", "digits"),
    (
        target("{backend: a, weight: '2'}"),
        8,
        "models[0].targets[0].weight",
        "a whole number belongs here",
        "without quotes",
    ),
    (
        target(f"{{backend: a, weight: {WEIGHT_MAX + 1}}}"),
        8,
        "models[0].targets[0].weight",
        "at most 1000000",
        "at most",
    ),
    (target("{backend: a}, {backend: a}"), 8, "models[0].targets[1]", "already in the list", "add its weight"),
    (
        GOOD.replace("{backend: local}", "{backend: loacl}"),
        15,
        "models[0].fallback[0].backend",
        "no backend",
        "mean local?",
    ),
    (
        GOOD.replace("{backend: local}", "{backend: local, weight: 1}"),
        15,
        "models[0].fallback[0].weight",
        "order",
        "delete",
    ),
    (GOOD + "      - {backend: local}\n", 16, "models[0].fallback[1]", "already in the list", "delete"),
    # settings
    (root("steering: {cluster_header: Host}"), 6, "steering.cluster_header", "lower case", "write host"),
    (root("steering: {cluster_header: ':path'}"), 6, "steering.cluster_header", "pseudo header", "ordinary"),
    (root("steering: {cluster_header: connection}"), 6, "steering.cluster_header", "belongs to HTTP", "your own"),
    (root("steering: {cluster_header: x-envoy-a}"), 6, "steering.cluster_header", "Envoy's own", "of your own"),
    (root("steering: {model_header: authorization}"), 6, "steering.model_header", "carries credentials", "your own"),
    (root("steering: {cluster_header: x-extproc-model}"), 6, "steering.cluster_header", "the same name", "its own"),
    (
        root("steering: {cluster_header: x-a, model_header: x-a}"),
        6,
        "steering.model_header",
        "the same name",
        "its own",
    ),
    (root("limits: {request_body: lots}"), 6, "limits.request_body", "this is not a size", SIZE),
    (root("limits: {request_body: 1.5}"), 6, "limits.request_body", "this is not a size", SIZE),
    (root("limits: {request_body: true}"), 6, "limits.request_body", "this is not a size", SIZE),
    (root("limits: {request_body: 1TB}"), 6, "limits.request_body", "no unit TB", SIZE),
    (root("limits: {request_body: 1.0001KiB}"), 6, "limits.request_body", "not a whole number of bytes", SIZE),
    (root("limits: {request_body: 0}"), 6, "limits.request_body", "at least 1", "at least 1"),
    (root("limits: {request_body: 1025MiB}"), 6, "limits.request_body", "at most 1GiB", "at most 1GiB"),
    (root("limits: {request_timeout: 30}"), 6, "limits.request_timeout", "a duration needs its unit", DURATION),
    (root("limits: {request_timeout: soon}"), 6, "limits.request_timeout", "this is not a duration", DURATION),
    (root("limits: {request_timeout: -1s}"), 6, "limits.request_timeout", "this is not a duration", DURATION),
    (root("limits: {request_timeout: 1y}"), 6, "limits.request_timeout", "no unit y", DURATION),
    (root("limits: {request_timeout: 0s}"), 6, "limits.request_timeout", "more than 0s", "more than 0s"),
    (root("limits: {request_timeout: 2h}"), 6, "limits.request_timeout", "shorter than its request", "change one"),
    (root("limits: {exchange_timeout: 1s}"), 6, "limits.exchange_timeout", "shorter than its request", "change one"),
    (root("limits: {exchange_timeout: 8d}"), 6, "limits.exchange_timeout", "at most 7d", "at most 7d"),
    (root("limits: {drain_timeout: 25h}"), 6, "limits.drain_timeout", "at most 1d", "at most 1d"),
    (root("limits: {open_exchanges: 0}"), 6, "limits.open_exchanges", "at least 1", "at least 1"),
    (root("limits: {open_exchanges: 1000001}"), 6, "limits.open_exchanges", "at most 1000000", "at most"),
    (root("limits: []"), 6, "limits", "a mapping belongs here, not a list", "`name: value`"),
    (root("limits:"), 6, "limits", "but there is nothing", "delete the key"),
    (root("health: {failures: 0}"), 6, "health.failures", "at least 1", "at least 1"),
    (root("health: {failures: 10001}"), 6, "health.failures", "at most 10000", "at most"),
    (root("health: {cooldown: 0ms}"), 6, "health.cooldown", "more than 0s", "more than 0s"),
]


@gathered(("text", "line", "path", "message", "mend"), WRONG)
def test_a_wrong_policy_is_told_its_one_problem_with_place_and_mend(
    text: str, line: int, path: str, message: str, mend: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        loads(text, "p.yaml")
    found = [problem for problem in caught.value.problems if problem.path == path]
    assert [(problem.file, problem.line) for problem in found] == [("p.yaml", line)], caught.value.render()
    assert message in found[0].message
    assert mend in found[0].mend
    assert "secret" not in caught.value.render().replace("/run/secrets", "")
    assert "1234" not in caught.value.render()


def test_the_policy_that_the_wrong_ones_are_made_from_is_right() -> None:
    loads(GOOD)
    loads(backend())
    loads(target("{backend: a}"))


def test_columns_point_at_the_value_or_at_the_key_nobody_knows() -> None:
    with pytest.raises(PolicyError) as caught:
        loads(target("{backend: b, wieght: 1}"), "p.yaml")
    assert [(problem.line, problem.column) for problem in caught.value.problems] == [(8, 25), (8, 28)]


def test_every_problem_is_told_at_once_in_the_order_of_the_file() -> None:
    text = """\
version: 1
backends:
  - {name: a, url: ftp://x, api: openai}
  - {name: a, url: http://x, api: opneai, credential: sk}
models:
  - name: chat
    targets: [{backend: c, weight: 010}]
    fallback: [{backend: a, weight: 1}]
    rules: {}
  - targets: []
cache: []
cache: []
limits: {request_timeout: 30}
"""
    with pytest.raises(PolicyError) as caught:
        loads(text)
    assert [(problem.line, problem.path) for problem in caught.value.problems] == [
        (3, "backends[0].url"),
        (4, "backends[1].name"),
        (4, "backends[1].api"),
        (4, "backends[1].credential"),
        (7, "models[0].targets[0].backend"),
        (7, "models[0].targets[0].weight"),
        (8, "models[0].fallback[0].weight"),
        (9, "models[0].rules"),
        (10, "models[1].name"),
        (10, "models[1].targets"),
        (11, "cache"),
        (12, "cache"),
        (13, "limits.request_timeout"),
    ]
    assert all(problem.mend for problem in caught.value.problems)
    assert str(caught.value) == "13 problems in the policy"


def test_a_problem_renders_as_one_line_that_editors_understand() -> None:
    with pytest.raises(PolicyError) as caught:
        loads(backend("regin: eu"), "p.yaml")
    assert caught.value.render() == (
        "p.yaml:6:5: backends[0].regin: there is no field regin here (did you mean region?)"
    )
