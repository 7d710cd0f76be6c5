"""The expected tokens of a request as dynamic metadata, for rate limits of Envoy that count before there is a response.

They go with the answer to the request, so that Envoy has them before its later filters see the headers.
"""

from extproc.protocol.effects import Metadata, OwnMetadata
from extproc.transaction.memory import Memory
from extproc.usage.budgets.estimate import UNPAID, expected


class RequestEstimates:
    """Makes the metadata of requests under one policy. Immutable. Costs 1 µs for 1 KiB of body, and its encoding."""

    __slots__ = ("_key", "_namespace", "_output")

    def __init__(self, namespace: str, key: str, output: int) -> None:
        self._namespace = namespace
        self._key = key
        self._output = output

    def joined(self, metadata: Metadata | None, memory: Memory, body: bytes) -> Metadata | None:
        """Return the metadata of a request with its expected tokens: those that a budget reserves for it.

        `body`: as it came, without encodings. A request that costs no tokens has none: Envoy 1.40 refuses each request
        of 0 hits.
        """
        claimed = memory.claimed
        api = "" if claimed is None else claimed.api.name
        if api in UNPAID:
            return metadata
        tokens = expected(body, api)
        joined = OwnMetadata(metadata or {})
        number = tokens.input + tokens.output(self._output)
        joined[self._namespace] = {**joined.get(self._namespace, {}), self._key: number}
        return joined

    def __repr__(self) -> str:
        return f"RequestEstimates({self._namespace}, {self._key})"
