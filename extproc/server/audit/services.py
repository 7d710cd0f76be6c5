"""Services that take lines of the audit record over HTTP: a webhook, and a collector of OpenTelemetry."""

import http.client
import ssl
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from extproc.policy.audit import AuditService

REPLY_MAX: Final = 64 * 1024
"""Bytes of a response that are read: a collector's answer says in some hundred what it did not take."""

OTLP_PATH: Final = "/v1/logs"
"""The path of logs in OTLP over HTTP, behind the path of the URL unless that ends in it."""

INFO: Final = 9
"""The severity number of INFO in OpenTelemetry's data model of logs."""

_SCOPE: Final = {"name": "extproc.audit"}


class RefusedLinesError(OSError):
    """A service has not taken lines. The text holds nothing that it said."""


class LineService:
    """A service that gets lines by POST: all are taken, or it is asked again. Raises OSError."""

    content_type = "application/x-ndjson"

    def __init__(self, service: AuditService, secret: bytes | None, path: str | None = None) -> None:
        self._service = service
        self._path = path or service.address.prefix or "/"
        self._headers: dict[str, str | bytes] = {"content-type": self.content_type}
        if service.credential is not None and secret is not None:
            self._headers[service.credential.field] = service.credential.scheme.encode() + secret
        self._connection: http.client.HTTPConnection | None = None

    def send(self, lines: Sequence[bytes], first: int, writer: str) -> None:
        """Send lines; `first` is the number of the first of them in the chain. Raises OSError."""
        headers = {**self._headers, "idempotency-key": f"{writer}-{first}-{len(lines)}"}
        try:
            connection = self._connected()
            connection.request("POST", self._path, self.body(lines), headers)
            response = connection.getresponse()
            said = response.read(REPLY_MAX)
            if response.read(1):
                self.close()
        except http.client.HTTPException as error:
            self.close()
            raise RefusedLinesError(f"it does not speak HTTP: {type(error).__name__}") from None
        except OSError:
            self.close()
            raise
        if not 200 <= response.status < 300:
            self.close()
            raise RefusedLinesError(f"it answered {response.status}")
        self.check(said)

    def body(self, lines: Sequence[bytes]) -> bytes:
        """Return the body of a request."""
        return b"".join(lines)

    def check(self, said: bytes) -> None:
        """Look at a response of success. Raises RefusedLinesError if it says that lines were refused."""

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            address, timeout = self._service.address, self._service.timeout
            if address.secure:
                context = ssl.create_default_context()
                context.minimum_version = ssl.TLSVersion.TLSv1_2
                self._connection = http.client.HTTPSConnection(
                    address.host, address.port, timeout=timeout, context=context
                )
            else:
                self._connection = http.client.HTTPConnection(address.host, address.port, timeout=timeout)
        return self._connection


class LogCollector(LineService):
    """A collector of OpenTelemetry: each line is the body of a log record, in OTLP's JSON."""

    content_type = "application/json"

    def __init__(self, service: AuditService, secret: bytes | None, resource: dict[str, str]) -> None:
        prefix = service.address.prefix
        super().__init__(service, secret, prefix if prefix.endswith(OTLP_PATH) else prefix + OTLP_PATH)
        self._resource = {"attributes": _attributes(resource)}

    def body(self, lines: Sequence[bytes]) -> bytes:
        """See `LineService.body`."""
        logs = {"scope": _SCOPE, "logRecords": [_log_record(line) for line in lines]}
        return msgspec.json.encode({"resourceLogs": [{"resource": self._resource, "scopeLogs": [logs]}]})

    def check(self, said: bytes) -> None:
        """See `LineService.check`."""
        try:
            told: Any = msgspec.json.decode(said) if said else {}
            partial = told.get("partialSuccess") or {}
            refused = int(partial.get("rejectedLogRecords") or 0)
        except (msgspec.DecodeError, AttributeError, TypeError, ValueError):
            raise RefusedLinesError("its answer is not that of a collector") from None
        if refused:
            raise RefusedLinesError(f"it refused {refused} lines")


class StampedLine(msgspec.Struct):
    """The members of a line that a log record needs."""

    kind: str
    time: datetime
    writer: str


_stamped: Final = msgspec.json.Decoder(StampedLine).decode


def _log_record(line: bytes) -> dict[str, Any]:
    head = _stamped(line)
    nanoseconds = str(int(head.time.timestamp()) * 10**9 + head.time.microsecond * 1000)
    return {
        "timeUnixNano": nanoseconds,
        "observedTimeUnixNano": nanoseconds,
        "severityNumber": INFO,
        "severityText": "INFO",
        "body": {"stringValue": line.rstrip(b"\n").decode()},
        "attributes": _attributes({"extproc.audit.kind": head.kind, "extproc.audit.writer": head.writer}),
    }


def _attributes(values: dict[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]
