import pytest

from extproc.policy import PolicyError, loads
from extproc.policy.names import BACKEND_NAME_MAX, HEADER_NAME_MAX, MEDIA_TYPE_MAX
from extproc.policy.pipelines import (
    HEADER_VALUE_MAX,
    HEADERS_MAX,
    MESSAGE_MAX,
    PIPELINES_MAX,
    PREFIX_MAX,
    PROCESSORS_MAX,
    ROUTE_NAME_MAX,
    TYPES_MAX,
)
from extproc.policy.processors import (
    ALLOWED_MAX,
    ALLOWED_PATTERNS_MAX,
    LITERAL_MAX,
    LITERALS_MAX,
    REGEX_MAX,
)
from tests.gathered import gathered
from tests.policy.texts import pipeline, processor, root

LATER = "is not supported by this version"
REQUEST = "pipelines[0].request[0]"
KEY = "key: {env: KEY}"

# the policy; then line, path, part of the message, part of the mend
WRONG = [
    # pipelines
    (root("pipelines: {}"), 6, "pipelines", "a list belongs here, not a mapping", "after a dash"),
    (root("pipelines: [default]"), 6, "pipelines[0]", "a mapping belongs here", "`name: value`"),
    (root("pipelines: [{}]"), 6, "pipelines[0].name", "name is missing", "`name: ...`"),
    (root("pipelines: [{name: A}]"), 6, "pipelines[0].name", "1 to 63 lower-case", "prompt-pii"),
    (root(f"pipelines: [{{name: {'a' * (BACKEND_NAME_MAX + 1)}}}]"), 6, "pipelines[0].name", "1 to 63", "prompt-pii"),
    (root("pipelines: [{name: a}, {name: a}]"), 6, "pipelines[1].name", "already a pipeline", "rename"),
    (
        root(f"pipelines: [{', '.join(f'{{name: p-{n}}}' for n in range(PIPELINES_MAX + 1))}]"),
        6,
        "pipelines",
        "at most 256 entries",
        "fewer",
    ),
    (pipeline("tenant: a"), 8, "pipelines[0].tenant", "there is no field tenant here", "known here: name"),
    (pipeline("requests: []"), 8, "pipelines[0].requests", "no field requests", "did you mean request?"),
    (pipeline("body_limit: 0"), 8, "pipelines[0].body_limit", "at least 1", "at least 1"),
    (pipeline("body_limit: 2GiB"), 8, "pipelines[0].body_limit", "at most 1GiB", "at most 1GiB"),
    (pipeline("body_limit: 33MiB"), 8, "pipelines[0].body_limit", "beyond 32MiB", "limits.request_body"),
    (
        pipeline("body_limit: 3MiB", "limits: {request_body: 2MiB}"),
        8,
        "pipelines[0].body_limit",
        "beyond 2MiB before this counts",
        "at most 2MiB",
    ),
    (
        pipeline("body_limit: 3MiB", "oops: 1", "limits: {request_body: 2MiB}"),
        8,
        "pipelines[0].body_limit",
        "beyond 2MiB before this counts",
        "at most 2MiB",
    ),
    (pipeline("on_oversize: pass"), 8, "pipelines[0].on_oversize", "none of: block, allow", "write block or allow"),
    (pipeline("on_uninspected: alow"), 8, "pipelines[0].on_uninspected", "none of: block", "did you mean allow?"),
    (pipeline("content_types: [text/*]"), 8, "pipelines[0].content_types[0]", "not a content type", "text/plain"),
    (pipeline("content_types: [Text/Plain]"), 8, "pipelines[0].content_types[0]", "not a content", "lower case"),
    (pipeline("content_types: [text]"), 8, "pipelines[0].content_types[0]", "not a content type", "text/plain"),
    (
        pipeline(f"content_types: [a/{'b' * (MEDIA_TYPE_MAX - 1)}]"),
        8,
        "pipelines[0].content_types[0]",
        "not a content type",
        "text/plain",
    ),
    (
        pipeline(f"content_types: [{'text/plain, ' * (TYPES_MAX + 1)}]"),
        8,
        "pipelines[0].content_types",
        "at most 32 entries",
        "fewer",
    ),
    # match
    (pipeline("match: {path: v1}"), 8, "pipelines[0].match.path", "begins with a slash", "write /v1"),
    (pipeline('match: {path: "/v1?x"}'), 8, "pipelines[0].match.path", "has no query", "delete what follows"),
    (pipeline("match: {path: /a b}"), 8, "pipelines[0].match.path", "not a path", "percent-encode"),
    (
        pipeline(f"match: {{path: /{'a' * PREFIX_MAX}}}"),
        8,
        "pipelines[0].match.path",
        "not a path of at most 1024",
        "percent",
    ),
    (pipeline("match: {tenants: a}"), 8, "pipelines[0].match.tenants", "no field tenants", "did you mean tenant?"),
    (pipeline("match: {headers: []}"), 8, "pipelines[0].match.headers", "a mapping belongs here", "`name: value`"),
    (pipeline("match: {headers: {X-A: a}}"), 8, "pipelines[0].match.headers.X-A", "lower case", "write x-a"),
    (pipeline("match: {headers: {':path': a}}"), 8, "pipelines[0].match.headers[':path']", "pseudo", "ordinary"),
    (pipeline("match: {headers: {te: a}}"), 8, "pipelines[0].match.headers.te", "the connection", "of the request"),
    (pipeline("match: {headers: {'a b': a}}"), 8, "pipelines[0].match.headers['a b']", "not the name", "1 to 128"),
    (pipeline("match: {headers: {x-a: 1}}"), 8, "pipelines[0].match.headers.x-a", "YAML reads 1 as", '"1"'),
    (pipeline("match: {headers: {x-a: ' 1'}}"), 8, "pipelines[0].match.headers.x-a", "no space at its ends", "exactly"),
    (
        pipeline(f"match: {{headers: {{x-a: {'a' * (HEADER_VALUE_MAX + 1)}}}}}"),
        8,
        "pipelines[0].match.headers.x-a",
        "at most 1024 printable",
        "exactly",
    ),
    (
        pipeline(f"match: {{headers: {{{', '.join(f'x-{n}: a' for n in range(HEADERS_MAX + 1))}}}}}"),
        8,
        "pipelines[0].match.headers",
        "at most 32 headers",
        "fewer",
    ),
    (
        pipeline(f"match: {{headers: {{? {'h' * (HEADER_NAME_MAX + 1)} : a}}}}"),
        8,
        f"pipelines[0].match.headers.{'h' * (HEADER_NAME_MAX + 1)}",
        "not the name of a header",
        "1 to 128",
    ),
    (pipeline("match: {route_name: ''}"), 8, "pipelines[0].match.route_name", "1 to 256", "Envoy's configuration"),
    (
        pipeline(f"match: {{route_name: {'r' * (ROUTE_NAME_MAX + 1)}}}"),
        8,
        "pipelines[0].match.route_name",
        "1 to 256",
        "Envoy's configuration",
    ),
    # block
    (pipeline("block: {status: 200}"), 8, "pipelines[0].block.status", "at least 400", "at least 400"),
    (pipeline("block: {status: 600}"), 8, "pipelines[0].block.status", "at most 599", "at most 599"),
    (pipeline("block: {message: ''}"), 8, "pipelines[0].block.message", "1 to 1000", "one line"),
    (pipeline('block: {message: "a\\nb"}'), 8, "pipelines[0].block.message", "printable", "one line"),
    (pipeline(f"block: {{message: {'m' * (MESSAGE_MAX + 1)}}}"), 8, "pipelines[0].block.message", "1 to 1000", "line"),
    # processors: which
    (processor("pii"), 9, REQUEST, "a processor is a mapping", "{use: pii, action: mask}"),
    (processor("{action: mask}"), 9, REQUEST, "says what it uses", "pii, secrets, pattern, size"),
    (processor("{use: 7}"), 9, f"{REQUEST}.use", "no such processor", "pii, secrets, pattern, size"),
    (processor("{use: pi}"), 9, f"{REQUEST}.use", "no such processor", "did you mean pii?"),
    (processor("{use: names}"), 9, f"{REQUEST}.use", "told by a model of language", "{use: presidio, url: "),
    (processor("{use: injection, threshold: 0}"), 9, f"{REQUEST}.threshold", "more than 0", "more than 0"),
    (processor("{use: injection, documents: {threshold: 2}}"), 9, f"{REQUEST}.documents.threshold", "at most 1", "1"),
    (processor("{use: injection, kinds: [jailbrake]}"), 9, f"{REQUEST}.kinds", "no kind of injection", "jailbreak"),
    (processor("{use: injection, kinds: []}"), 9, f"{REQUEST}.kinds", "names a kind twice, or none", "each kind once"),
    (
        processor(", ".join(f"{{use: pii, name: p-{n}}}" for n in range(PROCESSORS_MAX + 1))),
        9,
        "pipelines[0].request",
        "at most 64 entries",
        "fewer",
    ),
    # what all have
    (processor("{use: pii, name: A}"), 9, f"{REQUEST}.name", "1 to 63 lower-case", "prompt-pii"),
    (processor("{use: pii, name: block}"), 9, f"{REQUEST}.name", "is taken", "another name"),
    (processor("{use: pii, name: allow}"), 9, f"{REQUEST}.name", "`on_failure: allow`", "another name"),
    (
        processor("{use: pii}, {use: pii}"),
        9,
        "pipelines[0].request[1].name",
        "already a processor of the name pii",
        "own",
    ),
    (processor("{use: pii}, {use: size, name: pii}"), 9, "pipelines[0].request[1].name", "already a processor", "own"),
    (processor("{use: pii, action: drop}"), 9, f"{REQUEST}.action", "none of: report, mask, block", "report or mask"),
    (processor("{use: pii, mode: dry}"), 9, f"{REQUEST}.mode", "none of: enforce, shadow", "enforce or shadow"),
    (processor("{use: pii, timeout: 1}"), 9, f"{REQUEST}.timeout", "needs its unit", "50ms"),
    (processor("{use: pii, timeout: 0s}"), 9, f"{REQUEST}.timeout", "more than 0s", "more than 0s"),
    (processor("{use: pii, timeout: 61s}"), 9, f"{REQUEST}.timeout", "at most 1m", "at most 1m"),
    (processor("{use: pii, treshold: 1}"), 9, f"{REQUEST}.treshold", "no field treshold", "known here: use"),
    (processor("{use: size, max_bytes: 1, allow: {}}"), 9, f"{REQUEST}.allow", "no field allow", "known here: use"),
    (processor("{use: pii, when: tools}"), 9, f"{REQUEST}.when", "neither true nor false", "tools > 0"),
    (processor("{use: pii, when: 1}"), 9, f"{REQUEST}.when", "an expression in quotes", "tools > 0"),
    # stand-ins
    (processor("{use: pii, on_failure: pii}"), 9, f"{REQUEST}.on_failure", "stand in for itself", "block, allow or"),
    (processor("{use: pii, on_failure: blok}"), 9, f"{REQUEST}.on_failure", "no processor blok", "did you mean block?"),
    (
        processor("{use: pii, on_failure: secrets}, {use: secrets, on_failure: pii}"),
        9,
        "pipelines[0].request[1].on_failure",
        "in a circle",
        "block or allow",
    ),
    (
        processor(
            "{use: pii, on_failure: b}, {use: pii, name: c, on_failure: pii}, {use: pii, name: b, on_failure: c}"
        ),
        9,
        "pipelines[0].request[2].on_failure",
        "in a circle",
        "block or allow",
    ),
    (
        pipeline("request: [{use: pii, on_failure: secrets}]", "response: [{use: secrets}]"),
        8,
        f"{REQUEST}.on_failure",
        "no processor secrets in this list",
        "known here: allow, block",
    ),
    # masks
    (processor("{use: pii, action: mask, format: star}"), 9, f"{REQUEST}.format", "none of: placeholder", "partial"),
    (processor("{use: pii, format: partial}"), 9, f"{REQUEST}.format", "nothing is masked by action block", "mask"),
    (processor("{use: pii, action: mask, format: hash}"), 9, f"{REQUEST}.format", "needs a key", "key: {env: NAME}"),
    (processor(f"{{use: pii, action: mask, {KEY}}}"), 9, f"{REQUEST}.key", "only a hash", "format: hash"),
    (
        processor("{use: pii, action: mask, format: hash, key: secret-1234}"),
        9,
        f"{REQUEST}.key",
        "never written into the policy",
        "{env: NAME}",
    ),
    (
        processor("{use: pii, action: mask, format: hash, key: {env: 1234}}"),
        9,
        f"{REQUEST}.key.env",
        "text belongs here, not",
        "a word",
    ),
    (processor("{use: pii, restore: true}"), 9, f"{REQUEST}.restore", "only placeholders", "action: mask"),
    (
        processor("{use: pii, action: mask, format: partial, restore: true}"),
        9,
        f"{REQUEST}.restore",
        "only placeholders",
        "no other format",
    ),
    (processor("{use: pii, restore: 'yes'}"), 9, f"{REQUEST}.restore", "true or false belongs", "without quotes"),
    (
        pipeline("response: [{use: pii, action: mask, restore: true}]"),
        8,
        "pipelines[0].response[0].restore",
        "only what a request says",
        "write it in `request`",
    ),
    # pii
    (processor("{use: pii, kinds: email}"), 9, f"{REQUEST}.kinds", "a list belongs here", "after a dash"),
    (processor("{use: pii, kinds: []}"), 9, f"{REQUEST}.kinds", "nothing is in this list", "delete the key"),
    (processor("{use: pii, kinds: [emial]}"), 9, f"{REQUEST}.kinds[0]", "not a kind", "did you mean email?"),
    (processor("{use: pii, kinds: [email, email]}"), 9, f"{REQUEST}.kinds[1]", "already in the list", "delete"),
    # secrets
    (processor("{use: secrets, gitleaks: ''}"), 9, f"{REQUEST}.gitleaks", "not the path of a file", "write it like"),
    (processor("{use: secrets, kinds: [aws]}"), 9, f"{REQUEST}.kinds", "no field kinds", "known here: use"),
    # pattern
    (processor("{use: pattern}"), 9, REQUEST, "one regular expression or a list", "`regex` or `literals`"),
    (processor("{use: pattern, regex: a, literals: [b]}"), 9, REQUEST, "one regular expression", "`regex` or"),
    (processor("{use: pattern, regex: ''}"), 9, f"{REQUEST}.regex", "1 to 4096 characters", "shorter"),
    (processor(f"{{use: pattern, regex: {'a' * (REGEX_MAX + 1)}}}"), 9, f"{REQUEST}.regex", "1 to 4096", "shorter"),
    (processor('{use: pattern, regex: "\\ud800"}'), 9, f"{REQUEST}.regex", "surrogate", "the character itself"),
    (processor("{use: pattern, regex: a, words: true}"), 9, f"{REQUEST}.words", "for literals", r"write \b"),
    (processor("{use: pattern, literals: []}"), 9, f"{REQUEST}.literals", "nothing is in this list", "at least one"),
    (processor("{use: pattern, literals: [a, a]}"), 9, f"{REQUEST}.literals[1]", "already in the list", "delete"),
    (processor("{use: pattern, literals: ['  ']}"), 9, f"{REQUEST}.literals[0]", "not all of them spaces", "a word"),
    (processor("{use: pattern, literals: [12]}"), 9, f"{REQUEST}.literals[0]", "YAML reads 12 as", '"12"'),
    (
        processor(f"{{use: pattern, literals: [{'a' * (LITERAL_MAX + 1)}]}}"),
        9,
        f"{REQUEST}.literals[0]",
        "1 to 1024",
        "a word",
    ),
    (
        processor(f"{{use: pattern, literals: [{', '.join(f'a{n}' for n in range(LITERALS_MAX + 1))}]}}"),
        9,
        f"{REQUEST}.literals",
        "at most 10000 entries",
        "fewer",
    ),
    # size
    (processor("{use: size}"), 9, REQUEST, "this limits nothing", "max_bytes, max_messages or max_images"),
    (processor("{use: size, max_bytes: 1, action: mask}"), 9, f"{REQUEST}.action", "none of: report, block", "report"),
    (processor("{use: size, max_bytes: 0}"), 9, f"{REQUEST}.max_bytes", "at least 1", "at least 1"),
    (processor("{use: size, max_messages: 0}"), 9, f"{REQUEST}.max_messages", "at least 1", "at least 1"),
    (processor("{use: size, max_images: -1}"), 9, f"{REQUEST}.max_images", "at least 0", "at least 0"),
    (
        pipeline("response: [{use: size, max_messages: 1}]"),
        8,
        "pipelines[0].response[0].max_messages",
        "is for requests",
        "write it in `request`",
    ),
    (
        pipeline("response: [{use: size, max_images: 1}]"),
        8,
        "pipelines[0].response[0].max_images",
        "is for requests",
        "write it in `request`",
    ),
    # allow
    (processor("{use: pii, allow: [a]}"), 9, f"{REQUEST}.allow", "a mapping belongs here", "`name: value`"),
    (
        processor("{use: pii, allow: {value: [a]}}"),
        9,
        f"{REQUEST}.allow.value",
        "no field value",
        "did you mean values?",
    ),
    (processor("{use: pii, allow: {values: ['']}}"), 9, f"{REQUEST}.allow.values[0]", "1 to 1024", "a word"),
    (processor("{use: pii, allow: {patterns: ['']}}"), 9, f"{REQUEST}.allow.patterns[0]", "1 to 4096", "shorter"),
    (
        processor(f"{{use: pii, allow: {{values: [{'a, ' * (ALLOWED_MAX + 1)}]}}}}"),
        9,
        f"{REQUEST}.allow.values",
        "at most 10000 entries",
        "fewer",
    ),
    (
        processor(f"{{use: pii, allow: {{patterns: [{'a, ' * (ALLOWED_PATTERNS_MAX + 1)}]}}}}"),
        9,
        f"{REQUEST}.allow.patterns",
        "at most 256 entries",
        "fewer",
    ),
]


@gathered(("text", "line", "path", "message", "mend"), WRONG)
def test_a_wrong_pipeline_is_told_its_one_problem_with_place_and_mend(
    text: str, line: int, path: str, message: str, mend: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        loads(text, "p.yaml")
    found = [problem for problem in caught.value.problems if problem.path == path]
    assert [(problem.file, problem.line) for problem in found] == [("p.yaml", line)], caught.value.render()
    assert message in found[0].message
    assert mend in found[0].mend
    assert "secret-" not in caught.value.render()
    assert "1234" not in caught.value.render()


def test_a_key_nobody_can_send_is_pointed_at_itself() -> None:
    with pytest.raises(PolicyError) as caught:
        loads(pipeline("match: {headers: {x-a: b, X-B: c}}"), "p.yaml")
    assert [(problem.line, problem.column) for problem in caught.value.problems] == [(8, 31)]


def test_problems_of_a_list_are_told_beside_those_of_a_field() -> None:
    text = processor("{use: pii, on_failure: nobody}, {use: secrets, oops: 1}, {use: size, max_bytes: 1, name: pii}")
    with pytest.raises(PolicyError) as caught:
        loads(text)
    assert [problem.path for problem in caught.value.problems] == [
        "pipelines[0].request[0].on_failure",
        "pipelines[0].request[1].oops",
        "pipelines[0].request[2].name",
    ]
