"""The gRPC client of one service: a channel, and a call for each body."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import grpc
import msgspec
from grpc import aio

from extproc.detectors.contract import DETECTIONS_MAX
from extproc.detectors.guards.grpc_texts import InspectorFinding, InspectorText
from extproc.detectors.service import GuardQuery, GuardService
from extproc.server.guards.failures import GuardFailedError, GuardFault
from extproc.wire.pb.inspector_pb2 import InspectFinding, InspectText

_FAULTS: Final[Mapping[grpc.StatusCode, GuardFault]] = {
    grpc.StatusCode.UNAVAILABLE: GuardFault.UNREACHABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED: GuardFault.TOO_LARGE,
    grpc.StatusCode.INTERNAL: GuardFault.MALFORMED,
}
"""The meanings of gRPC's own statuses. Those that a guard sets are `status`."""

_TLS: Final = ("certificate", "handshake", "ssl", "tls")
"""Words by which gRPC tells that a connection failed for its TLS. Nothing but such a word is read of its message."""

_texts: Final = msgspec.json.Decoder(list[InspectorText]).decode


class GrpcGuardClient:
    """Sends the questions of a guard that speaks gRPC. To be used in one loop."""

    def __init__(self, service: GuardService) -> None:
        self._service = service
        self._fields = tuple(service.fields)
        self._most = service.limits.max_reply
        self._channel: aio.Channel | None = None

    async def post(self, query: GuardQuery) -> bytes:
        """Return the findings of a question, as JSON. Raises GuardFailedError; may be cancelled at any time."""
        if self._channel is None:
            self._channel = self._opened()
        method = self._channel.stream_stream(
            query.path,
            request_serializer=InspectText.SerializeToString,
            response_deserializer=InspectFinding.FromString,
        )
        call = method(_sent(query), metadata=self._fields)
        try:
            return await self._heard(call)
        except aio.AioRpcError as error:
            raise GuardFailedError(_fault(error)) from None
        except aio.UsageError:
            raise GuardFailedError(GuardFault.UNREACHABLE) from None
        finally:
            call.cancel()

    async def close(self) -> None:
        """Close the channel."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    async def _heard(self, call: Any) -> bytes:
        found: list[InspectorFinding] = []
        size = 0
        async for each in call:
            size += each.ByteSize()
            if size > self._most or len(found) > DETECTIONS_MAX:
                raise GuardFailedError(GuardFault.TOO_LARGE)
            found.append(_finding(each))
        return msgspec.json.encode(found)

    def _opened(self) -> aio.Channel:
        address, certificates = self._service.address, self._service.certificates
        host = f"[{address.host}]" if ":" in address.host else address.host
        options: list[tuple[str, Any]] = [
            ("grpc.max_receive_message_length", self._most),
            ("grpc.max_send_message_length", -1),
            ("grpc.enable_http_proxy", 0),
            ("grpc.enable_retries", 0),
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.service_config_disable_resolution", 1),
        ]
        target = f"dns:///{host}:{address.port}"
        if certificates is None:
            return aio.insecure_channel(target, options=options)
        if certificates.name != address.host:
            options.append(("grpc.ssl_target_name_override", certificates.name))
        credentials = grpc.ssl_channel_credentials(certificates.ca, certificates.key, certificates.cert)
        return aio.secure_channel(target, credentials, options=options)

    def __repr__(self) -> str:
        return f"GrpcGuardClient({self._service})"


async def _sent(query: GuardQuery) -> AsyncIterator[InspectText]:
    for each in _texts(query.body):
        yield InspectText(side=each.side, number=each.number, role=each.role, text=each.text)
        await asyncio.sleep(0)


def _finding(found: InspectFinding) -> InspectorFinding:
    return InspectorFinding(
        found.kind,
        found.number,
        found.start,
        found.end if found.HasField("end") else None,
        found.score if found.HasField("score") else 1.0,
        found.instead if found.HasField("instead") else None,
        found.rejects,
    )


def _fault(error: aio.AioRpcError) -> GuardFault:
    said = (error.details() or "").lower()
    if error.code() is grpc.StatusCode.UNAVAILABLE and any(word in said for word in _TLS):
        return GuardFault.TLS
    return _FAULTS.get(error.code(), GuardFault.STATUS)


def opened(service: GuardService) -> GrpcGuardClient:
    """Return a client, which opens its connections when the first question needs them."""
    return GrpcGuardClient(service)
