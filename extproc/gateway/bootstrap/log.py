"""The access log: one JSON line an exchange, with what was decided and nothing that a user wrote."""

from typing import Final

from extproc.gateway.bootstrap.filter import FILTER
from extproc.gateway.bootstrap.values import Json, Setting, typed

FIELDS: Final = {
    "time": "%START_TIME%",
    "request_id": "%REQUEST_HEADER(x-request-id)%",
    "method": "%REQUEST_HEADER(:method)%",
    "path": "%PATH(NQ:PATH)%",  # without the query: people put keys and questions there
    "protocol": "%PROTOCOL%",
    "status": "%RESPONSE_CODE%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "flags": "%RESPONSE_FLAGS%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "duration_ms": "%DURATION%",
    "first_byte_ms": "%RESPONSE_DURATION%",
    "cluster": "%UPSTREAM_CLUSTER%",
    "upstream": "%UPSTREAM_HOST%",
    "upstream_failure": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
    "decision": "%DYNAMIC_METADATA(extproc:decision)%",
    "model": "%DYNAMIC_METADATA(extproc:model)%",
    "backend": "%DYNAMIC_METADATA(extproc:backend)%",
    "rule": "%DYNAMIC_METADATA(extproc:rule)%",
    "ext_proc": f"%FILTER_STATE({FILTER}:PLAIN)%",  # microseconds and gRPC status of each call to the processor
}


def access_log(setting: Setting) -> Json:
    """`access_log` of the connection manager, or nothing."""
    if setting.access_log is None:
        return {}
    config = typed(
        "envoy.extensions.access_loggers.file.v3.FileAccessLog",
        path=setting.access_log,
        log_format={"json_format": FIELDS},
    )
    return {"access_log": [{"name": "envoy.access_loggers.file", "typed_config": config}]}
