"""What a policy asks about tenants and can never be so is noted."""

from extproc.policy import drafted
from tests.gathered import gathered
from tests.policy.texts import backend

RULE = "residency: [{when: 'tenant.region == \"eu\"', regions: [eu]}]"
NAMED = "recorded_signals: [tenant]\nresidency: [{when: 'tenant == \"acme\"', regions: [eu]}]"
FROM = "tenants: {from: {header: x-tenant-id}, required: true%s}"
LISTS = "tenants: {from: {header: x-tenant-id}, required: %s, models: {acme: [m]}}"
PASSES = "unknown_models: pass"
MATCH = "pipelines: [{name: p, match: {tenant: acme}}]"


@gathered(
    ("lines", "notes"),
    [
        ((RULE, FROM % ", known: {acme: {region: eu}}"), []),
        ((RULE, FROM % ""), [("residency[0].when", "tenant.region is always empty", "write known: {NAME:")]),
        (
            (RULE, FROM % ", known: {acme: {regio: eu}}"),
            [("residency[0].when", "tenant.region is always empty", "did you mean regio?")],
        ),
        ((RULE,), [("residency[0].when", "the tenant is always empty here", "say who is calling")]),
        ((NAMED,), [("residency[0].when", "the tenant is always empty here", "say who is calling")]),
        ((NAMED, FROM % ""), []),
        ((MATCH,), [("pipelines[0].match.tenant", "no request gets here", "say who is calling")]),
        ((MATCH, FROM % ""), []),
        ((MATCH, FROM % ", known: {acne: {}}"), [("pipelines[0].match.tenant", "no request", "did you mean acne?")]),
        ((MATCH, FROM % ", known: {acne: {}}, unknown: pass"), []),
        ((LISTS % "true", PASSES), []),
        ((LISTS % "false", PASSES), [("tenants.models", "without a tenant may ask for all", "required: true")]),
        (
            (LISTS % "true", PASSES, "default_backend: route"),
            [("tenants.models", "these lists do not hold", "default_backend: none")],
        ),
    ],
)
def test_what_can_never_be_so_is_noted(lines: tuple[str, ...], notes: list[tuple[str, str, str]]) -> None:
    found = [
        note
        for note in drafted(backend("region: eu") + "\n".join(lines), "p.yaml").loaded().notes
        if "tenant" in note.path + note.message
    ]
    assert [each.path for each in found] == [path for path, _, _ in notes]
    for each, (_, message, mend) in zip(found, notes, strict=True):
        assert message in each.message
        assert mend in each.mend
