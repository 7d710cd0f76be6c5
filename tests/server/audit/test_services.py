"""A webhook and a collector get the lines; what they do not take waits, or is what `on_failure` says."""

import json
from pathlib import Path

import msgspec
import pytest

from extproc.server.audit.services import LogCollector
from tests.gathered import gathered
from tests.server.audit.writing import auditing, ids, receiver, settings, verify


def test_a_webhook_gets_every_line_once_in_order_with_its_credential(tmp_path: Path) -> None:
    with receiver() as service:
        section = f"webhook: {{url: '{service.url}/lines', credential: {{bearer: {{env: X}}}}}}"
        with auditing(section, webhook=b"secret") as audit:
            audit.record(100)
    file = tmp_path / "received"
    file.write_bytes(b"".join(service.bodies))
    assert ids(file) == [f"r{number}" for number in range(1, 101)]
    assert (verify(file).problems, verify(file).running) == ((), False)
    (first, *others) = service.seen
    assert (first["path"], first["content-type"], first["authorization"]) == (
        "/lines",
        "application/x-ndjson",
        "Bearer secret",
    )
    keys = {each["idempotency-key"] for each in service.seen}
    assert len(keys) == len(others) + 1


def test_a_collector_gets_lines_as_log_records_of_otlp(tmp_path: Path) -> None:
    with receiver() as service, auditing(f"otlp: {{url: '{service.url}'}}", worker=3) as audit:
        audit.record(3)
    bodies = [json.loads(each) for each in service.bodies]
    assert {each["path"] for each in service.seen} == {"/v1/logs"}
    assert {each["content-type"] for each in service.seen} == {"application/json"}
    records = [
        record
        for body in bodies
        for logs in body["resourceLogs"]
        for scope in logs["scopeLogs"]
        for record in scope["logRecords"]
    ]
    file = tmp_path / "received"
    file.write_text("".join(record["body"]["stringValue"] + "\n" for record in records))
    assert (verify(file).problems, verify(file).running) == ((), False)
    assert records[1]["timeUnixNano"] == "1764600001000000000"
    resource = bodies[0]["resourceLogs"][0]["resource"]["attributes"]
    assert {"key": "extproc.worker", "value": {"stringValue": "3"}} in resource


def test_what_a_collector_gets_is_a_request_of_its_protocol() -> None:
    logs = pytest.importorskip("opentelemetry.proto.collector.logs.v1.logs_service_pb2")
    json_format = pytest.importorskip("google.protobuf.json_format")
    if "resource_logs" not in logs.ExportLogsServiceRequest.DESCRIPTOR.fields_by_name or not hasattr(
        logs.ExportLogsServiceRequest().resource_logs.add(), "scope_logs"
    ):
        pytest.skip("the package opentelemetry-proto that is installed is from before OTLP 1.0")
    service = settings("otlp: {url: 'http://127.0.0.1:1'}").section.otlp
    assert service is not None
    line = b'{"v":1,"kind":"exchange","writer":"a","seq":1,"prev":"","time":"2025-12-01T00:00:00.000001Z","hash":""}\n'
    request = json_format.Parse(LogCollector(service, None, {"a": "b"}).body([line]), logs.ExportLogsServiceRequest())
    (record,) = request.resource_logs[0].scope_logs[0].log_records
    assert record.body.string_value == line.decode().rstrip("\n")
    assert record.time_unix_nano == 1_764_547_200_000_001_000
    assert record.severity_number == 9


@gathered(
    ("status", "said", "blocked"),
    [
        (500, b"", "it answered 500"),
        (404, b"planted", "it answered 404"),
        (302, b"", "it answered 302"),
        (200, b'{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"planted"}}', "it refused 2 lines"),
        (200, b"<html>", "its answer is not that of a collector"),
    ],
)
def test_a_service_that_takes_no_lines_blocks_until_it_does(status: int, said: bytes, blocked: str) -> None:
    with receiver() as service:
        service.answer = (status, said)
        with auditing(f"otlp: {{url: '{service.url}'}}") as audit:
            assert (audit.writer.blocked, audit.shared.unaudited) == (blocked, True)
            audit.record(5)
            service.answer = (200, b'{"partialSuccess":{}}')
            audit.until(lambda running: running.writer.blocked is None)
            assert not audit.shared.unaudited
    received = [body for body in service.bodies if json.loads(body)["resourceLogs"]]
    assert sum(body.count(b"request_id") for body in received) >= 5


def test_a_service_that_hangs_blocks_and_never_the_loop() -> None:
    with receiver() as service:
        service.silent.set()
        with auditing(f"webhook: {{url: '{service.url}', timeout: 200ms}}") as audit:
            audit.until(lambda running: running.writer.blocked is not None)
            assert audit.shared.unaudited
            service.silent.clear()
            audit.until(lambda running: running.writer.blocked is None)


def test_a_service_that_is_gone_blocks() -> None:
    with receiver() as service:
        url = service.url
    with auditing(f"webhook: {{url: '{url}'}}") as audit:
        assert audit.writer.blocked == "Connection refused"


def test_a_file_and_a_service_both_get_each_line_once_also_if_one_of_them_fails_for_a_time(tmp_path: Path) -> None:
    with receiver() as service, auditing(f"file: {tmp_path}/a.jsonl, webhook: {{url: '{service.url}'}}") as audit:
        audit.record(10)
        audit.until(lambda running: running.writer.written == 10)
        service.answer = (500, b"")
        audit.record(100)
        audit.until(lambda running: running.writer.blocked is not None)
        service.answer = (200, b"")
        audit.until(lambda running: running.writer.blocked is None and running.writer.written == 110)
    received = tmp_path / "received"
    received.write_bytes(b"".join(service.bodies))
    assert received.read_bytes() == (tmp_path / "a.jsonl").read_bytes()
    assert verify(tmp_path / "a.jsonl").problems == ()


def test_a_service_that_is_dead_at_the_start_leaves_one_chain_in_the_file(tmp_path: Path) -> None:
    with receiver() as service:
        service.answer = (500, b"")
        with auditing(f"file: {tmp_path}/a.jsonl, webhook: {{url: '{service.url}'}}") as audit:
            assert audit.writer.blocked == "it answered 500"
            audit.record()
            service.answer = (200, b"")
            audit.until(lambda running: running.writer.blocked is None)
    found = verify(tmp_path / "a.jsonl")
    assert (found.problems, len(found.chains)) == ((), 1)
    assert b"".join(service.bodies) == (tmp_path / "a.jsonl").read_bytes()


def test_lines_on_standard_output_are_those_of_the_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with auditing(f"file: {tmp_path}/a.jsonl, stdout: true") as audit:
        audit.record(40)
    assert capfd.readouterr().out == (tmp_path / "a.jsonl").read_text()


def test_no_rendering_shows_a_key() -> None:
    given = settings("webhook: {url: 'http://127.0.0.1:1', credential: {bearer: {env: X}}}", webhook=b"planted")
    assert "planted" not in repr(given)
    assert "planted" not in str(msgspec.structs.asdict(given)["section"])
