"""Comparisons with values that a signal never has are noted."""

from extproc.policy import drafted
from tests.gathered import gathered
from tests.policy.texts import backend

RULES = "models: [{name: m, targets: [{backend: a}], rules: [{when: '%s', to: [{backend: a}]}]}]"
INTENTS = "intents: {code: [fix this function], billing: [pay my bill]}"
KNOWN = "tenants: {from: {header: x-tenant-id}, required: true, known: {acme: {region: eu}}}"
OPEN = "tenants: {from: {header: x-tenant-id}, known: {acme: {region: eu}}}"


@gathered(
    ("when", "lines", "note"),
    [
        ('intent == "code"', INTENTS, None),
        ('intent == "none"', INTENTS, None),
        ('intent in ["code", "bill"]', INTENTS, 'intent is never "bill" here'),
        ('"Code" == intent', INTENTS, 'intent is never "Code" here'),
        ('intent != "coding"', INTENTS, 'intent is never "coding" here'),
        ('intent == "law"', "intents: {use: domains}", None),
        ('backend_state["a"] != "up"', "", None),
        ('backend_state["a"] == "failed"', "", 'backend_state is never "failed" here'),
        ("difficulty > 0.7", "", None),
        ("difficulty >= 1", "", None),
        ("difficulty > 7", "", "difficulty is never 7"),
        ("70 < difficulty", "", "difficulty is never 70"),
        ("difficulty * 100.0 > 70.0", "", None),
        ("time.weekday == 7", "", None),
        ("time.weekday == 0", "", "time.weekday is never 0"),
        ("time.hour >= 24", "", "time.hour is never 24"),
        ('tenant == "acme"', KNOWN, None),
        ('tenant == "amce"', KNOWN, 'tenant is never "amce" here'),
        ('tenant == "amce"', "tenants: {from: {header: x-tenant-id}}", None),
        ('model == "amce"', KNOWN, None),
    ],
)
def test_a_value_that_a_signal_never_has_is_noted(when: str, lines: str, note: str | None) -> None:
    assert noted(f"{RULES % when.replace(chr(39), chr(39) * 2)}\n{lines}", "is never") == (
        [] if note is None else [note]
    )


@gathered(
    ("when", "lines", "count"),
    [
        ('tenant == "acme"', OPEN, 1),
        ('tenant.region == "eu"', OPEN, 1),
        ('tenant.region == "eu" || tenant == ""', OPEN, 0),
        ('tenant == "acme"', KNOWN, 0),
        ("tools > 0", OPEN, 0),
    ],
)
def test_a_rule_of_residency_that_needs_a_tenant_is_noted_if_none_is_required(
    when: str, lines: str, count: int
) -> None:
    found = noted(f"residency: [{{when: '{when}', regions: [eu]}}]\n{lines}", "is about the tenant")
    assert len(found) == count


def noted(lines: str, words: str) -> list[str]:
    """The messages of notes that hold these words."""
    loaded = drafted(backend("region: eu") + lines + "\n", "p.yaml").loaded()
    return [each.message for each in loaded.notes if words in each.message]
