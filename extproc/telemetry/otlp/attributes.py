"""Attributes, and the resource that all of them are about."""

from collections.abc import Iterable, Iterator

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from extproc import __version__
from extproc.protocol.record import Scalar

SCOPE = InstrumentationScope(name="extproc", version=__version__)


def attributes(named: Iterable[tuple[str, Scalar]]) -> Iterator[KeyValue]:
    """Yield an attribute for each value that is there."""
    for name, value in named:
        if value is None or value == "":
            continue
        if isinstance(value, bool):
            yield KeyValue(key=name, value=AnyValue(bool_value=value))
        elif isinstance(value, int):
            yield KeyValue(key=name, value=AnyValue(int_value=value))
        elif isinstance(value, float):
            yield KeyValue(key=name, value=AnyValue(double_value=value))
        else:
            yield KeyValue(key=name, value=AnyValue(string_value=value))


def resource(service: str, instance: str) -> Resource:
    """Return the resource of this program. `instance` tells processes apart."""
    named = (("service.name", service), ("service.version", __version__), ("service.instance.id", instance))
    return Resource(attributes=attributes(named))
