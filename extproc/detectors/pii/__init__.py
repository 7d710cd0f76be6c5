"""Personal data: one rule or a few for every kind that a policy may name."""

from extproc.detectors.pii import (
    america,
    asia,
    asia_pacific,
    banking,
    britain,
    central_europe,
    contact,
    europe,
    finance,
    healthcare,
    identity,
    ip_addresses,
    latin_america,
    middle_east_africa,
    network,
    nordic,
    phone,
    places,
    vat,
    vehicles,
    wallets,
    west_europe,
)
from extproc.matching.rule import Rule
from extproc.policy.kinds import ON_REQUEST

RULES: tuple[Rule, ...] = (
    *contact.RULES,
    *phone.RULES,
    *places.RULES,
    *finance.RULES,
    *wallets.RULES,
    *banking.RULES,
    *ip_addresses.RULES,
    *network.RULES,
    *identity.RULES,
    *vehicles.RULES,
    *america.RULES,
    *healthcare.RULES,
    *europe.RULES,
    *britain.RULES,
    *west_europe.RULES,
    *central_europe.RULES,
    *nordic.RULES,
    *vat.RULES,
    *asia_pacific.RULES,
    *asia.RULES,
    *middle_east_africa.RULES,
    *latin_america.RULES,
)

KINDS: tuple[str, ...] = tuple(dict.fromkeys(rule.kind for rule in RULES))
"""The names for `kinds`."""

DEFAULT_KINDS: tuple[str, ...] = tuple(kind for kind in KINDS if kind not in ON_REQUEST)
"""The kinds that are detected if `kinds` is absent."""


def rules(kinds: tuple[str, ...] = DEFAULT_KINDS) -> tuple[Rule, ...]:
    """The rules for `kinds`. Raises KeyError with the first name that is not a kind."""
    for kind in kinds:
        if kind not in KINDS:
            raise KeyError(kind)
    return tuple(rule for rule in RULES if rule.kind in kinds)
