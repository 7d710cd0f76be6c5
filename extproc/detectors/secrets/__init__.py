"""Credentials: own rules by whom they let in, and a loader for rules in gitleaks' format."""

from extproc.detectors.secrets import (
    assigned,
    cloud,
    code,
    columns,
    commands,
    encoded,
    keys,
    models,
    named,
    native,
    passwords,
    services,
    tokens,
    wallet_keys,
)
from extproc.matching.rule import Rule

RULES: tuple[Rule, ...] = (
    *cloud.RULES,
    *code.RULES,
    *models.RULES,
    *services.RULES,
    *tokens.RULES,
    *named.RULES,
    *keys.RULES,
    *assigned.RULES,
    *passwords.RULES,
    *native.RULES,
    *commands.RULES,
    *columns.RULES,
    *encoded.RULES,
    *wallet_keys.RULES,
)
"""Every rule of our own. A rule's kind is its name."""
