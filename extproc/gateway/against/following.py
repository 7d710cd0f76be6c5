"""The routes of an Envoy configuration that follow the processor's steering, and the values that they match."""

import re
from collections.abc import Iterator

from extproc.gateway.against.written import inside, mappings
from extproc.gateway.bootstrap.values import Json
from extproc.policy import Policy
from extproc.policy.steering import asked_models


def followed(route: Json, policy: Policy) -> bool:
    """True if a route goes by what the policy's mode of steering says."""
    steering = policy.steering
    if steering.by == "cluster_header":
        return bool(inside(route, "route", "cluster_header") == steering.cluster_header)
    return any(True for _ in said(route, policy))


def said(route: Json, policy: Policy) -> Iterator[str]:
    """Yield the values that a route matches: of backends if the policy steers by metadata, else of models."""
    steering = policy.steering
    if steering.by == "metadata":
        for each in inside(route, "match", "dynamic_metadata") or ():
            keys = [inside(segment, "key") for segment in inside(each, "path") or ()]
            if inside(each, "filter") == steering.metadata_namespace and keys == ["backend"]:
                yield from _values(inside(each, "value"), policy)
        return
    for each in inside(route, "match", "headers") or ():
        if str(inside(each, "name")).lower() in steering.headers:
            yield from _values(each, policy)


def _values(matcher: object, policy: Policy) -> Iterator[str]:
    """The values of the policy that a matcher of strings holds for: exact ones, or by an expression."""
    for part in mappings(matcher):
        for key in ("exact", "exact_match"):
            if isinstance(part.get(key), str):
                yield part[key]
        expression = part.get("regex")
        for value in _candidates(policy) if isinstance(expression, str) else ():
            if _matches(str(expression), value):
                yield value


def _candidates(policy: Policy) -> list[str]:
    return [value for _, name, model in asked_models(policy) for value in (name, model)]


def _matches(expression: str, value: str) -> bool:
    try:
        return re.fullmatch(expression, value) is not None
    except re.error:
        return False
