"""Makers: whose keys seal what a backend's responses hold, and which of them can serve a request."""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from extproc.apis.seals.tag import SealTag
from extproc.routing.candidates import Destination
from extproc.routing.routes import Route
from extproc.routing.table import Table

_NO_MAKERS: frozenset[str] = frozenset()


class Makers(Struct, frozen=True):
    """The makers of a policy in which several serve the models of one dialect. Has no rendering of credentials.

    `tags` are by the maker's label, `labels` by the tag's text. `apis`: the dialects with several makers. `serving`:
    the labels of all that can serve a model, by its name and the dialect. `homes`: the maker of what clients make by
    requests that no API claims, by the dialect. `backends`: those of each label, in the policy's order.
    """

    tags: Mapping[str, SealTag]
    labels: Mapping[str, str]
    apis: frozenset[str]
    serving: Mapping[tuple[str, str], frozenset[str]]
    homes: Mapping[str, str]
    backends: Mapping[str, tuple[Destination, ...]]

    def could_serve(self, model: str, api: str) -> frozenset[str]:
        """Return the labels of all backends that can serve a model; none if nobody can."""
        found = self.serving.get((model, api))
        if found is not None:
            return found
        home = self.homes.get(api)
        return _NO_MAKERS if home is None else frozenset((home,))

    def __repr__(self) -> str:
        return f"Makers({', '.join(self.tags)})"


def makers_of(table: Table) -> Makers | None:
    """Return the makers of a policy; None if no dialect has several, so that nobody can get another's content."""
    serving, onward = _serving(table), table.onward
    by_api: dict[str, set[str]] = {}
    for (_, api), labels in serving.items():
        by_api.setdefault(api, set()).update(labels)
    if onward is not None:
        by_api.setdefault(onward.api, set()).add(onward.maker)
    for mirror in table.mirrors.values():  # it serves nobody, and must get nothing that another one sealed
        copied = mirror.candidate.destination
        by_api.setdefault(copied.api, set()).add(copied.maker)
    apis = frozenset(api for api, labels in by_api.items() if len(labels) > 1)
    if not apis:
        return None
    backends: dict[str, tuple[Destination, ...]] = {}
    for each in table.destinations.values():
        if each.api in apis:  # responses of others have no tags: one in a path would be a way to a server of MCP
            backends[each.maker] = (*backends.get(each.maker, ()), each)
    tags = {label: SealTag.of(label) for label in backends}
    return Makers(
        tags=tags,
        labels={tag.text: label for label, tag in tags.items()},
        apis=apis,
        serving=serving,
        homes={} if onward is None else {onward.api: onward.maker},
        backends=backends,
    )


def _serving(table: Table) -> dict[tuple[str, str], frozenset[str]]:
    found = {key: _labels((route, *route.rules)) for key, route in table.routes.items()}
    if table.passes:
        for key, route in table.listed.items():
            found.setdefault(key, _labels((route,)))
    return found


def _labels(routes: Iterable[Route]) -> frozenset[str]:
    return frozenset(each.destination.maker for route in routes for each in route.every)
