"""Which requests are calls of ours ("Requests" in gRPC's specification)."""

import pytest
from hpack import Decoder

from extproc.server.h2 import admission
from extproc.server.h2.requests import RequestHead
from extproc.server.h2.status import Status
from tests.server.h2.client import PROCESS

FIELDS = {b"content-type": b"application/grpc", b"te": b"trailers"}


def request(method: bytes = b"POST", path: bytes = PROCESS, **fields: bytes | None) -> RequestHead:
    changed = {name.replace("_", "-").encode(): value for name, value in fields.items()}
    merged = {**FIELDS, **changed}
    return RequestHead(method, path, {name: value for name, value in merged.items() if value is not None})


def answer(refused: RequestHead) -> tuple[int, Status]:
    block = admission.refusal(refused, {PROCESS})
    assert block is not None
    decoded = dict(Decoder().decode(block, raw=True))
    assert decoded[b"content-type"] == b"application/grpc"
    return int(decoded[b":status"]), Status(int(decoded[b"grpc-status"]))


def admitted(each: RequestHead) -> bool:
    return admission.refusal(each, {PROCESS}) is None


def test_a_call_of_ours_is_admitted() -> None:
    assert admitted(request())


@pytest.mark.parametrize("method", [b"GET", b"PUT", b"post", b"OPTIONS", b"CONNECT"])
def test_a_call_is_a_post(method: bytes) -> None:
    assert answer(request(method)) == (405, Status.INTERNAL)


@pytest.mark.parametrize(
    "kind", [b"application/grpc", b"application/grpc+proto", b"Application/gRPC", b"application/grpc; charset=x"]
)
def test_grpc_with_protobuf_is_admitted(kind: bytes) -> None:
    assert admitted(request(content_type=kind))


@pytest.mark.parametrize(
    "kind",
    [None, b"", b"application/json", b"application/grpc+json", b"application/grpc-web", b"application/grpcx", b"x"],
)
def test_another_content_type_is_415(kind: bytes | None) -> None:
    assert answer(request(content_type=kind)) == (415, Status.INTERNAL)


def test_a_request_without_te_came_through_something_that_loses_trailers() -> None:
    assert answer(request(te=None)) == (400, Status.INTERNAL)


@pytest.mark.parametrize("path", [b"/", PROCESS + b"/", PROCESS[:-1], PROCESS.upper(), b"/a.B/C", PROCESS + b"?x"])
def test_a_method_that_we_do_not_have_is_unimplemented(path: bytes) -> None:
    assert answer(request(path=path)) == (200, Status.UNIMPLEMENTED)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (b"1H", 3600.0),
        (b"2M", 120.0),
        (b"3S", 3.0),
        (b"500m", 0.5),
        (b"250000u", 0.25),
        (b"99999999n", 0.099999999),
        (b"0S", 0.0),
        (b"99999999H", 359999996400.0),
    ],
)
def test_a_timeout_is_a_number_of_up_to_eight_digits_and_a_unit(given: bytes, seconds: float) -> None:
    assert admitted(request(grpc_timeout=given))
    assert admission.timeout(request(grpc_timeout=given)) == pytest.approx(seconds)


@pytest.mark.parametrize("given", [b"", b"1", b"S", b"1s", b"1h", b"-1S", b"1.5S", b"123456789S", b"1S1S", b"1 S"])
def test_a_malformed_timeout_is_refused(given: bytes) -> None:
    assert answer(request(grpc_timeout=given)) == (400, Status.INTERNAL)


def test_a_call_without_a_timeout_has_none() -> None:
    assert admission.timeout(request()) is None


@pytest.mark.parametrize(("given", "compresses"), [(None, False), (b"identity", False), (b"gzip", True), (b"x", True)])
def test_a_call_may_announce_that_it_compresses(given: bytes | None, compresses: bool) -> None:
    assert admitted(request(grpc_encoding=given))
    assert admission.compresses(request(grpc_encoding=given)) is compresses
