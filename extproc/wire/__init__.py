"""The protobuf edge: bytes to messages, effects to bytes."""
