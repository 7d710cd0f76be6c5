"""The routes of requests of which Envoy sends a copy elsewhere.

Measured with Envoy 1.40: the filters of the mirror's cluster run for a copy, without the dynamic metadata of the
request's stream. A route's mutations of the copy can read it, and change nothing of the request itself.
"""

from collections.abc import Iterator

from extproc.gateway.bootstrap.values import PROCESSOR, Json, Setting
from extproc.routing.mirrors import MIRROR_SUFFIX
from extproc.routing.table import removed_fields
from extproc.transaction.upstream.copies import COPY_HEADER, COPY_KEY, MIRROR_HEADER


def mirrored_routes(setting: Setting, routes: list[Json]) -> Iterator[Json]:
    """Return the routes that copy, one for each of `routes` and each mirror's backend; they go before these."""
    for name, number in setting.mirrors.items():
        for route in routes:
            asked = {"name": MIRROR_HEADER, "string_match": {"exact": number}}
            match = route["match"]
            yield {
                **route,
                "name": f"{route['name']}-mirrored-{number}",
                "match": {**match, "headers": [*match.get("headers", ()), asked]},
                "route": {**route["route"], "request_mirror_policies": [_copy(setting, name)]},
            }


def _copy(setting: Setting, backend: str) -> Json:
    state = {"key": COPY_HEADER, "value": f"%DYNAMIC_METADATA({PROCESSOR}:{COPY_KEY})%"}
    removed = [{"remove": each} for each in removed_fields(setting.policy)]
    return {
        "cluster": backend + MIRROR_SUFFIX,
        "disable_shadow_host_suffix_append": True,
        # The first backend's key is not even handed to the filter that would take it out.
        "request_headers_mutations": [
            *removed,
            {"remove_on_match": {"key_matcher": {"prefix": "x-extproc-"}}},
            {"append": {"header": state, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}},
        ],
    }
