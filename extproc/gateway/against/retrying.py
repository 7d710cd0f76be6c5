"""Retries of an Envoy configuration beside those of a policy: routes, clusters, and the filters before backends."""

from collections.abc import Iterator, Sequence

from extproc.gateway.against.written import WrittenConfig, inside, line_of, mappings
from extproc.gateway.bootstrap import PROCESSOR, Json
from extproc.policy import Policy
from extproc.routing.attempts import FIRST_SUFFIX, RETRY_SUFFIX, retries_of
from extproc.transaction import Plan
from extproc.transaction.steering.fingerprint import ATTEMPT_MARK, CONFIG_HEADER
from extproc.transaction.upstream.attempts import ATTEMPT_COUNT, COUNT_HEADER, RETRY_HEADER

UNPROVEN = (
    "the filter sends no fingerprint, so that no request is sent to a second backend: only later requests avoid one"
    " that fails; put initial_metadata x-extproc-config into grpc_service, or write steering: {retries: none}"
)


def retrying(written: WrittenConfig, plan: Plan) -> Iterator[tuple[int, str]]:
    """Yield what keeps requests from being tried again, or lets an attempt go wrong."""
    retries = plan.retries
    if retries is None:
        return
    labels = {label: route for route in written.routes if (label := _label(route)) is not None}
    for group in retries.classes:
        for attempts in range(2, group.attempts + 1):
            label = group.label(attempts)
            route = labels.get(label)
            if route is None:
                yield 0, f"no route matches {RETRY_HEADER}: {label}, so that these requests are tried once"
            elif inside(route, "route", "retry_policy", "refresh_cluster_on_retry") is not True:
                sentence = f"the route for {RETRY_HEADER}: {label} has no retry_policy with refresh_cluster_on_retry"
                yield line_of(route), f"{sentence}, so that the same backend is asked again"
    early = (part for each in written.values("early_header_mutation_extensions") for part in mappings(each))
    if COUNT_HEADER not in [inside(part, "remove") for part in early]:
        yield 0, f"no early_header_mutation removes {COUNT_HEADER}: a client can choose which attempt is made first"
    for name in sorted(retries.backends):
        yield from _cluster(written, plan, name)
    for name in sorted(retries.read):
        if not written.within.get(name + FIRST_SUFFIX):
            told = f"there is no cluster {name}{FIRST_SUFFIX} with an ext_proc filter that reads errors"
            yield 0, f"{told}: first attempts at {name} fail"


def unretried(filters: Sequence[Json], policy: Policy) -> Iterator[tuple[int, str]]:
    """Yield a note for each filter without a fingerprint, where requests would be tried again."""
    if retries_of(policy) is not None:
        for each in filters:
            yield line_of(each), UNPROVEN


def _label(route: Json) -> str | None:
    headers = inside(route, "match", "headers")
    for each in headers if isinstance(headers, list) else ():
        if inside(each, "name") == RETRY_HEADER:
            return str(inside(each, "string_match", "exact"))
    return None


def _cluster(written: WrittenConfig, plan: Plan, backend: str) -> Iterator[tuple[int, str]]:
    name = backend + RETRY_SUFFIX
    cluster = written.clusters.get(name)
    if cluster is None:
        yield 0, f"there is no cluster {name}: later attempts at {backend} fail"
        return
    filters = written.within.get(name, [])
    if not filters:
        yield (
            line_of(cluster),
            f"cluster {name} has no ext_proc filter: the backend gets another one's key",
        )
    wanted = plan.fingerprint.decode() + ATTEMPT_MARK.decode() + backend
    for each in filters:
        for sentence in _filter(each, wanted):
            yield line_of(each), f"cluster {name}: {sentence}"


def _filter(filter_: Json, wanted: str) -> Iterator[str]:
    told = inside(filter_, "grpc_service", "initial_metadata")
    values = [str(inside(each, "value")) for each in told or () if inside(each, "key") == CONFIG_HEADER]
    if values != [wanted]:
        yield f"initial_metadata has to be {CONFIG_HEADER}: {wanted}, or the processor refuses its attempts"
    if inside(filter_, "processing_mode", "request_body_mode") != "BUFFERED":
        yield "request_body_mode has to be BUFFERED: the model's name is in the body"
    if inside(filter_, "failure_mode_allow"):
        yield "with failure_mode_allow, the backend gets another one's key when the processor fails"
    forwarded = inside(filter_, "metadata_options", "forwarding_namespaces", "untyped")
    if PROCESSOR not in (forwarded if isinstance(forwarded, list) else ()):
        yield f"forwarding_namespaces lacks {PROCESSOR}: the processor does not learn what the attempt is for"
    attributes = inside(filter_, "request_attributes")
    if ATTEMPT_COUNT not in (attributes if isinstance(attributes, list) else ()):
        yield f"request_attributes lacks {ATTEMPT_COUNT}: the processor does not know which attempt it is"
