"""The protobuf edge: bytes to messages, effects to bytes."""

from extproc.wire.decode import decode
from extproc.wire.encode import encode

__all__ = ["decode", "encode"]
