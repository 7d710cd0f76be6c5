"""An Envoy configuration as it is written: YAML or JSON, a bootstrap or a part of one, with the lines of its parts."""

from collections.abc import Iterator
from typing import Any, Final

import yaml

from extproc.gateway.bootstrap.values import Json

LINE: Final = "\0line"
"""The key under which each mapping keeps its line; no key of Envoy's can be it."""

DEPTH_MOST: Final = 200
"""Levels of nesting that are looked through; Envoy's own configurations have about 25."""

PARTS_MOST: Final = 500_000
"""Parts of a file that are looked at; a bootstrap with 256 backends has about 50,000. Aliases in YAML make many of a
few lines."""


class UnreadableConfigError(Exception):
    """The file is no YAML or JSON, or is nested beyond all reason."""


class _Lined(yaml.SafeLoader):
    """Mappings remember their lines."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping = super().construct_mapping(node, deep=deep)
        mapping[LINE] = node.start_mark.line + 1
        return mapping


class WrittenConfig:
    """The parts of a configuration that matter, wherever in it they stand."""

    def __init__(self, whole: object) -> None:
        self.filters: list[Json] = []
        """Configurations of ext_proc filters."""
        self.clusters: dict[str, Json] = {}
        """Clusters by name."""
        self.routes: list[Json] = []
        """Routes: what has `match` and an action."""
        self.parts: list[Json] = []
        """Every mapping."""
        self.within: dict[str, list[Json]] = {}
        """Configurations of ext_proc filters before one cluster, by its name; `filters` has the others."""
        for part in mappings(whole):
            self._take(part)
        inner: set[int] = set()
        for name, cluster in self.clusters.items():
            found = [each for each in mappings(cluster) if _is_filter(each)]
            if found:
                self.within[name] = found
                inner |= {id(each) for each in found}
        self.filters = [each for each in self.filters if id(each) not in inner]

    def _take(self, part: Json) -> None:
        self.parts.append(part)
        kind = str(part.get("@type", ""))
        if _is_filter(part):
            self.filters.append(part)
        if isinstance(part.get("name"), str) and ("load_assignment" in part or kind.endswith(".cluster.v3.Cluster")):
            self.clusters[part["name"]] = part
        if "match" in part and isinstance(part.get("route"), dict):
            self.routes.append(part)

    def values(self, key: str) -> Iterator[Any]:
        """Every value that stands under `key`, anywhere."""
        return (part[key] for part in self.parts if key in part)


def _is_filter(part: Json) -> bool:
    return str(part.get("@type", "")).endswith(".ext_proc.v3.ExternalProcessor")


def read(text: str) -> WrittenConfig:
    """Return what is written in `text`. Raises UnreadableConfigError."""
    try:
        return WrittenConfig(list(yaml.load_all(text, Loader=_Lined)))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f"line {mark.line + 1}: "
        raise UnreadableConfigError(f"{where}this is neither YAML nor JSON") from None
    except (RecursionError, ValueError):
        raise UnreadableConfigError(
            "the file cannot be read: it is nested too deep, or has values that YAML forbids"
        ) from None


def line_of(part: object) -> int:
    """The line on which a part begins; 0 for one that has none."""
    return int(part.get(LINE, 0)) if isinstance(part, dict) else 0


def inside(part: object, *names: str) -> Any:
    """Return what stands in `part` under the names, one below the other; None where one is missing."""
    for name in names:
        part = part.get(name) if isinstance(part, dict) else None
    return part


def mappings(whole: object) -> Iterator[Json]:
    """`whole`, if it is a mapping, and every mapping below it. Raises UnreadableConfigError beyond the bounds."""
    waiting: list[tuple[object, int]] = [(whole, 0)]
    seen = 0
    while waiting:
        part, depth = waiting.pop()
        seen += 1
        if depth > DEPTH_MOST or seen > PARTS_MOST:
            raise UnreadableConfigError("the file is nested too deep, or has too many parts")
        if isinstance(part, dict):
            yield part
            waiting += [(value, depth + 1) for value in part.values()]
        elif isinstance(part, list):
            waiting += [(value, depth + 1) for value in part]
