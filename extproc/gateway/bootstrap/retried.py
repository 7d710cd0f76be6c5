"""The routes of requests that Envoy may try again, each time in another cluster.

Measured with Envoy 1.40: `refresh_cluster_on_retry` asks the matcher again before each retry, when the header with the
count of attempts still has the number of the attempt that failed. A filter before a backend may have taken it out, or
not have run, as there was no connection. So the tree has an answer for both: without a count, an attempt is the first
one as long as the steering header is there (Envoy removes it after the first choice), and later the field
`x-extproc-try-1` names the next backend, because the filter of each attempt writes that anew.
"""

from typing import Final

from extproc.gateway.bootstrap.values import Json, Setting, seconds, typed
from extproc.policy.retries import RetryReason
from extproc.routing.attempts import RETRY_SUFFIX, Retries, RetryClass, cluster_of
from extproc.transaction.upstream.attempts import COUNT_HEADER, RETRY_HEADER, TRY_PREFIX
from extproc.transaction.upstream.content import RETRIABLE_HEADER

BACK_OFF: Final = 0.01
BACK_OFF_MOST: Final = 0.1
"""Seconds before a retry: it goes to another backend, so that there is nothing to wait for."""

_ON: Final[dict[RetryReason, tuple[str, ...]]] = {
    "5xx": ("retriable-headers",),
    "429": ("retriable-status-codes",),
    "connect": ("connect-failure", "refused-stream", "reset-before-request"),
    "timeout": ("reset",),
    "context_length": ("retriable-headers",),
    "content_filter": ("retriable-headers",),
    "unsupported_feature": ("retriable-headers",),
}
"""Envoy's words. Its own `5xx` is more than the statuses: it includes connections that end."""


def retried_routes(setting: Setting) -> list[Json]:
    """Return a route for each number of attempts of each class, without its times."""
    retries = setting.retries
    if retries is None:
        return []
    return [
        {
            "name": f"retried-{each.label(attempts)}",
            "match": {
                "prefix": "/",
                "headers": [{"name": RETRY_HEADER, "string_match": {"exact": each.label(attempts)}}],
            },
            "route": {
                "inline_cluster_specifier_plugin": {
                    "extension": {"name": "attempts", "typed_config": _specifier(setting, retries, each)}
                },
                "retry_policy": _policy(each, attempts),
            },
        }
        for each in retries.classes
        for attempts in range(2, each.attempts + 1)
    ]


def _policy(group: RetryClass, attempts: int) -> Json:
    policy: Json = {
        "retry_on": ",".join(dict.fromkeys(word for reason in group.on for word in _ON[reason])),  # type: ignore[index]
        "num_retries": attempts - 1,
        "refresh_cluster_on_retry": True,
        "retry_back_off": {"base_interval": seconds(BACK_OFF), "max_interval": seconds(BACK_OFF_MOST)},
    }
    headers: list[Json] = [{"name": ":status", "string_match": {"prefix": "5"}}] if "5xx" in group.on else []
    # The filter before the backend names a reason that is one of the model's.
    headers += [{"name": RETRIABLE_HEADER, "present_match": True}] if group.reads else []
    if headers:
        policy["retriable_headers"] = headers
    if "429" in group.on:
        policy["retriable_status_codes"] = [429]
    if group.per_try_timeout is not None:
        policy["per_try_timeout"] = seconds(group.per_try_timeout)
    return policy


def _specifier(setting: Setting, retries: Retries, group: RetryClass) -> Json:
    header = setting.policy.steering.cluster_header
    first = {
        each.name: _to(cluster_of(each.name, 1, reads=bool(group.reads) and each.name in retries.read))
        for each in setting.policy.backends
    }
    later = {retries.numbers[name]: _to(name + RETRY_SUFFIX) for name in sorted(retries.backends)}
    most = max(each.attempts for each in retries.classes)
    uncounted = _tree(header, first, _tree(f"{TRY_PREFIX}1", later))
    counted = {str(made): {"matcher": _tree(f"{TRY_PREFIX}{made}", later)} for made in range(2, most)}
    name = "envoy.extensions.router.cluster_specifiers.matcher.v3.MatcherClusterSpecifier"
    return typed(name, cluster_matcher=_tree(COUNT_HEADER, counted, uncounted) if counted else uncounted)


def _tree(header: str, values: Json, otherwise: Json | None = None) -> Json:
    field = typed("envoy.type.matcher.v3.HttpRequestHeaderMatchInput", header_name=header)
    tree = {"input": {"name": header, "typed_config": field}, "exact_match_map": {"map": values}}
    return {"matcher_tree": tree, **({"on_no_match": {"matcher": otherwise}} if otherwise else {})}


def _to(cluster: str) -> Json:
    action = typed("envoy.extensions.router.cluster_specifiers.matcher.v3.ClusterAction", cluster=cluster)
    return {"action": {"name": cluster, "typed_config": action}}
