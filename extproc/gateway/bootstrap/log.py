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

USAGE_FIELDS: Final = {
    "input_tokens": "llm_input_token",
    "output_tokens": "llm_output_token",
    "total_tokens": "llm_total_token",
    "cached_input_tokens": "llm_cached_input_token",
    "reasoning_tokens": "llm_reasoning_token",
    "cost_usd": "cost_usd",
    "verdict": "decision",
    "tenant": "tenant",
}
"""Further fields of a policy with metadata of usage, by its keys. They are null if a client left before the end."""


def access_log(setting: Setting) -> Json:
    """`access_log` of the connection manager, or nothing."""
    if setting.access_log is None:
        return {}
    config = typed(
        "envoy.extensions.access_loggers.file.v3.FileAccessLog",
        path=setting.access_log,
        log_format={"json_format": FIELDS | _usage(setting)},
    )
    return {"access_log": [{"name": "envoy.access_loggers.file", "typed_config": config}]}


def _usage(setting: Setting) -> Json:
    told = None if setting.policy.usage is None else setting.policy.usage.metadata
    if told is None:
        return {}
    keys = told.keys
    named = {name: keys[usual] for name, usual in USAGE_FIELDS.items() if usual in keys}
    named |= {each.name: each.name for each in told.costs}
    return {name: f"%DYNAMIC_METADATA({told.namespace}:{key})%" for name, key in named.items()}
