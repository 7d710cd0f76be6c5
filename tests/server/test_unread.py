"""A response body that nobody reads is answered by the shell, just as the transaction would."""

import pytest

from extproc.protocol.effects import Effect
from extproc.protocol.messages import Message
from extproc.protocol.modes import BodyMode
from extproc.server.exchange import Exchange
from extproc.server.log import Log, Sink
from extproc.server.runtime import Runtime
from extproc.transaction import Lane, Plan, Shared, Transaction
from extproc.wire.pb.processor_pb2 import ProcessingRequest, ProcessingResponse
from tests.server.support import plan


class Reading(Transaction):
    """A transaction that wants to be shown everything."""

    __slots__ = ()

    def receive(self, message: Message, now: float) -> tuple[Effect, ...]:
        effects = super().receive(message, now)
        self.request_lane = self.response_lane = Lane.READ
        return effects


class Silent:
    def send(self, payload: bytes, /) -> None:
        raise AssertionError(payload)

    def abort(self, code: object, reason: str, /) -> None:
        raise AssertionError(code, reason)


def messages(mode: BodyMode, pieces: list[tuple[bytes, bool]]) -> list[bytes]:
    headers = ProcessingRequest()
    for name, value in ((":method", b"POST"), (":path", b"/v1/files")):
        field = headers.request_headers.headers.headers.add()
        field.key, field.raw_value = name, value
    headers.protocol_config.request_body_mode = 2  # type: ignore[assignment]  # as below
    headers.protocol_config.response_body_mode = int(mode)  # type: ignore[assignment]  # any number of the enumeration
    answered = ProcessingRequest()
    field = answered.response_headers.headers.headers.add()
    field.key, field.raw_value = ":status", b"200"
    bodies = []
    for data, end in pieces:
        body = ProcessingRequest()
        body.response_body.body = data
        body.response_body.end_of_stream = end
        bodies.append(body.SerializeToString())
    asked = ProcessingRequest()
    asked.request_body.body = b"asked"
    asked.request_body.end_of_stream = True
    return [headers.SerializeToString(), asked.SerializeToString(), answered.SerializeToString(), *bodies]


def run(kind: type[Transaction], script: list[bytes]) -> list[list[bytes]]:
    def begin(plan: Plan, shared: Shared, now: float) -> Transaction:
        return kind(plan, shared, now)

    log = Log(Sink("none"))
    try:
        exchange = Exchange(Runtime(plan(), log, begin=begin), Silent())
        return [list(exchange.receive(payload)) for payload in script]
    finally:
        log.close()


PIECES = [
    (b"data: one\n\n", False),
    (b"", False),
    (b"x" * 20_000, False),
    (b"ends in \x10\x01", False),
    (b"last", True),
]


@pytest.mark.parametrize("mode", [BodyMode.STREAMED, BodyMode.BUFFERED_PARTIAL, BodyMode.FULL_DUPLEX_STREAMED])
def test_what_is_not_read_is_answered_as_if_it_were(mode: BodyMode) -> None:
    pieces = PIECES[:1] if mode is BodyMode.BUFFERED_PARTIAL else PIECES
    script = messages(mode, pieces)
    assert run(Transaction, script) == run(Reading, script)


def test_in_full_duplex_the_pieces_come_back_as_they_were() -> None:
    answers = run(Transaction, messages(BodyMode.FULL_DUPLEX_STREAMED, PIECES))[3:]
    echoed = [ProcessingResponse.FromString(payload) for answer in answers for payload in answer]
    pieces = [response.response_body.response.body_mutation.streamed_response for response in echoed]
    assert b"".join(piece.body for piece in pieces) == b"".join(data for data, _ in PIECES)
    assert [piece.end_of_stream for piece in pieces] == [False, False, False, True]
