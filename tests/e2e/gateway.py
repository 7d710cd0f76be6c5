"""A whole gateway for a test: client, the real Envoy, the real processor, stand-in providers.

A `Site` is providers and a processor under one policy; a `Gateway` is an Envoy before a site. Several gateways may
share a site: an Envoy starts in a fifth of a second, a processor takes one.
"""

import re
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from string import Template
from typing import Any, Final, Literal
from uuid import uuid4

from extproc.gateway.bootstrap import Json, Profile, SocketAddress, bootstrap
from extproc.gateway.process import EnvoyProcess
from extproc.policy import read_secrets
from extproc.server.files import load, read_file
from extproc.testing import eventually
from extproc.testing.clients import ClientRequest, ClientResponse, Ending, ScriptStep
from extproc.testing.clients.answer import Field
from extproc.testing.clients.http1 import Http1, http1
from extproc.testing.clients.http2 import Http2
from extproc.testing.envoy import assert_clean, real_envoy
from extproc.testing.provider import HEADER, Provider, RecordedRequest, running_provider
from extproc.transaction import Plan
from tests.e2e.processor import Processor

ANYWHERE: Final = SocketAddress("127.0.0.1", 0)
WITHIN: Final = 30.0
"""Seconds for one request and its answer; what is slow here on purpose takes two."""

TAG: Final = "x-tag"
"""A header of ours that tells the requests of a provider apart."""

PROFILES: Final[tuple[Profile, ...]] = ("buffered", "full-duplex")
Version = Literal["http1", "http2"]
VERSIONS: Final[tuple[Version, ...]] = ("http1", "http2")
KEYS: Final = {"NORTH_KEY": "north-secret-1", "SOUTH_KEY": "south-secret-2", "CLAUDE_KEY": "claude-secret-3"}
"""The backends' credentials, by the environment variables that policies here name."""

UNCOUNTED: Final = "\nusage: {from: none, metadata: null}\n"
"""The line by which a policy reads nothing for its usage."""

_ACTIVE: Final = "http.extproc.downstream_rq_active"
_FRAMING: Final = frozenset({"content-length", "transfer-encoding"})

Patch = Callable[[Json], object]


@dataclass
class Site:
    """Providers by name, and a processor under a policy that names them as `$name`."""

    providers: Mapping[str, Provider]
    processor: Processor
    transport: str
    expected: int = 0
    """How many requests the providers were to get since they were last cleared."""
    unfinished: set[str] = field(default_factory=set)
    """Tags of requests that ended in the middle. A part of one may reach a provider, whenever it is told of the end."""

    def found(self, tag: str) -> list[tuple[str, RecordedRequest]]:
        """Every request with this tag that reached a provider, with the provider's name."""
        return [(n, r) for n, provider in self.providers.items() for r in provider.records if r.header(TAG) == tag]

    @property
    def open(self) -> int:
        """How many exchanges are open in the processor."""
        return sum(worker["open_exchanges"] for worker in self.processor.status()["workers"])

    @property
    def received(self) -> int:
        """How many requests the providers got."""
        return sum(len(provider.records) for provider in self.providers.values())

    def begin(self) -> None:
        """Forgets what was sent before."""
        self.expected = 0
        for provider in self.providers.values():
            provider.clear()

    def check(self) -> None:
        """Nothing reached a provider that was not asked for, all of it was HTTP, and no part passed for the whole."""
        assert eventually(lambda: self.open == 0), f"{self.open} exchanges are still open in the processor"
        assert self.processor.lines("internal_error") == []
        assert [v for provider in self.providers.values() for v in provider.violations] == []
        records = [record for provider in self.providers.values() for record in provider.records]
        parts = [record for record in records if record.header(TAG) in self.unfinished]
        assert [part for part in parts if part.complete] == []
        received = len(records) - len(parts)
        assert received == self.expected, f"{received} requests reached a provider, {self.expected} were to"


@dataclass
class Gateway:
    """An Envoy before a site."""

    site: Site
    envoy: EnvoyProcess
    profile: Profile
    port: int
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def processor(self) -> Processor:
        """The site's."""
        return self.site.processor

    @property
    def providers(self) -> Mapping[str, Provider]:
        """The site's."""
        return self.site.providers

    def client(self, version: Version = "http1", within: float = WITHIN) -> Http1 | Http2:
        """A raw client with a connection of its own; to be closed."""
        return (Http1 if version == "http1" else Http2)(self.port, within=within)

    def send(self, request: ClientRequest, version: Version = "http1", within: float = WITHIN) -> ClientResponse:
        """One request on a connection of its own."""
        with self.client(version, within) as client:
            return client.request(request)

    def ask(
        self,
        body: bytes | Sequence[ScriptStep],
        version: Version = "http1",
        *headers: Field,
        provider: str = "north",
        **more: Any,
    ) -> tuple[ClientResponse, RecordedRequest]:
        """A POST that is answered with 200, and what the provider got of it."""
        tag = tagged()
        answer = self.send(post(body, *headers, tag=tag, **more), version)
        assert (answer.status, answer.ending, answer.surplus) == (200, Ending.COMPLETE, b""), answer
        return answer, self.forwarded(tag, provider)

    def forwarded(self, tag: str, provider: str | None = None, *, within: float = 5.0) -> RecordedRequest:
        """The one request with this tag that reached a provider; `provider` says which one it was to be."""
        eventually(lambda: bool(self.site.found(tag)), within)
        found = self.site.found(tag)
        assert len(found) == 1, f"one request was to reach a provider once: {found}"
        self.site.expected += 1
        name, record = found[0]
        assert provider is None or name == provider, f"{name} got what was for {provider}"
        return record

    def straight(self, record: RecordedRequest, provider: str) -> ClientResponse:
        """What a provider says to a recorded request that comes without a gateway: the same to the same."""
        fields = tuple((name, value) for name, value in record.headers if name not in _FRAMING)
        body = record.body if record.framing == "length" else [record.body] if record.body else b""
        self.site.expected += 1
        return http1(
            self.providers[provider].port,
            ClientRequest(record.method, record.target, fields, body, length=record.framing == "length"),
            within=WITHIN,
        )

    def line(self, answer: ClientResponse) -> dict[str, Any]:
        """The processor's log line of an exchange."""
        request_id = answer.header("x-extproc-request-id")
        assert request_id, f"the answer {answer.status} has no x-extproc-request-id"
        return self.processor.told(lambda line: line["request_id"] == request_id)

    def check(self) -> None:
        """What holds after every test: nothing is open, nothing was said out of turn, nothing arrived unasked."""
        assert eventually(lambda: self.envoy.stats(_ACTIVE)[_ACTIVE] == 0), "a request is still open in Envoy"
        assert_clean(self.envoy)
        self.site.check()


def tagged() -> str:
    """A tag that no other request has."""
    return uuid4().hex


def post(
    body: bytes | Sequence[ScriptStep], *headers: Field, tag: str = "", do: str = "", **more: Any
) -> ClientRequest:
    """A POST of JSON to chat completions, unless told otherwise."""
    fields = [("content-type", "application/json"), *headers]
    if tag:
        fields.append((TAG, tag))
    if do:
        fields.append((HEADER, do))
    return ClientRequest(target=more.pop("target", "/v1/chat/completions"), headers=tuple(fields), body=body, **more)


@contextmanager
def site(policy: str, transport: str, *, workers: int = 1, environ: Mapping[str, str] | None = None) -> Iterator[Site]:
    """Providers and a processor. `$name` in the policy is a provider's URL; nobody listens at `$nowhere`.

    Nobody counts tokens unless the policy says so: tests that are about other things see no response for that.
    """
    if "usage:" not in policy:
        policy += UNCOUNTED
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="e2e-"))  # short, for a Unix socket's path has 108 bytes
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        names = sorted(set(re.findall(r"\$([a-z]+)", policy)) - {"nowhere"})
        providers = {name: stack.enter_context(running_provider(name)) for name in names}
        urls = {name: provider.url for name, provider in providers.items()}
        urls["nowhere"] = f"http://127.0.0.1:{stack.enter_context(_taken()).getsockname()[1]}"
        text = Template(policy).substitute(urls)
        processor = Processor(folder, text, transport, workers=workers, environ={**KEYS, **(environ or {})})
        yield Site(providers, stack.enter_context(processor), transport)


@contextmanager
def gateway(
    before: Site,
    profile: Profile,
    patch: Patch = id,
    *,
    log_level: str = "warning",
    access_log: Path | None = None,
) -> Iterator[Gateway]:
    """An Envoy before a site; `patch` may alter the generated bootstrap."""
    with real_envoy(made(before, profile, patch, access_log), log_level=log_level) as envoy:
        yield Gateway(before, envoy, profile, envoy.port("extproc"))


def made(before: Site, profile: Profile, patch: Patch = id, access_log: Path | None = None) -> Json:
    """The bootstrap that `extproc envoy` would print for the site, altered."""
    policy = load(before.processor.policy)
    whole = bootstrap(
        policy,
        needs=Plan.compile(policy, read_secrets(policy, KEYS, read_file)).needs,
        endpoints=before.processor.endpoints,
        listen=ANYWHERE,
        profile=profile,
        access_log=None if access_log is None else str(access_log),
    )
    patch(whole)
    return whole


def ext_proc(whole: Json) -> Json:
    """The ext_proc filter's own configuration in a bootstrap."""
    config: Json = manager(whole)["http_filters"][0]["typed_config"]
    return config


def manager(whole: Json) -> Json:
    """The HTTP connection manager's configuration in a bootstrap."""
    config: Json = whole["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    return config


def _taken() -> socket.socket:
    """A port that is taken and where nobody listens, for as long as the socket is open."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    return taken
