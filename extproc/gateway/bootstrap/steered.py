"""The routes that follow the processor's word, by the mode of steering."""

from extproc.gateway.bootstrap.values import Json
from extproc.policy import Backend, Policy
from extproc.policy.steering import asked_models


def steered_routes(policy: Policy) -> list[Json]:
    """Return the routes to the backends: `name`, `match` and `route` each."""
    steering = policy.steering
    if steering.by == "cluster_header":
        match = {"prefix": "/", "headers": [{"name": steering.cluster_header, "present_match": True}]}
        return [{"name": "steered", "match": match, "route": {"cluster_header": steering.cluster_header}}]
    if steering.by == "metadata":
        return [_by_metadata(policy, backend) for backend in policy.backends]
    # One header tells a model's backend, or the policy would have been refused.
    backends = {model: policy.backend(name) for _, name, model in asked_models(policy)}
    routes = [_by_model(policy, model, backend) for model, backend in backends.items()]
    return [_foreign(route, backends[model]) if steering.foreign else route for model, route in routes]


def _by_metadata(policy: Policy, backend: Backend) -> Json:
    matcher = {
        "filter": policy.steering.metadata_namespace,
        "path": [{"key": "backend"}],
        "value": {"string_match": {"exact": backend.name}},
    }
    return {
        "name": f"steered-{backend.name}",
        "match": {"prefix": "/", "dynamic_metadata": [matcher]},
        "route": {"cluster": backend.name},
    }


def _by_model(policy: Policy, model: str, backend: Backend) -> tuple[str, Json]:
    header = {"name": policy.steering.named_model, "string_match": {"exact": model}}
    return model, {
        "name": f"steered-{backend.name}",
        "match": {"prefix": "/", "headers": [header]},
        "route": {"cluster": backend.name},
    }


def _foreign(route: Json, backend: Backend) -> Json:
    """The route as the other gateway would have it: it sets host and path, which the processor leaves as they came."""
    address = backend.address
    action: Json = {**route["route"], "host_rewrite_literal": address.authority}
    if address.prefix not in {"/v1", "/v1/"}:
        # The path and its query: what the client asks for below /v1 stands below the backend's prefix.
        substitution = address.prefix.rstrip("/").replace("\\", "\\\\") + "\\1"
        action["regex_rewrite"] = {"pattern": {"regex": "^/v1(/.*)$"}, "substitution": substitution}
    return {**route, "route": action}
