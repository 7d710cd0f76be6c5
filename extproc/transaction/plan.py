"""A policy made ready: all that can be worked out once is worked out here, and nothing of it per message."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from extproc import apis
from extproc.apis.mcp import MCP
from extproc.apis.paths import Aliases
from extproc.classify import tokens
from extproc.inspection.keys import BackendKeys, keys_of
from extproc.inspection.pipeline import CompiledPipeline
from extproc.pipe.plugged import PlannedStage
from extproc.pipe.registry import planned
from extproc.policy import Policy, UnusableError
from extproc.policy import pipelines as written
from extproc.policy.collector import Collector, collector_of
from extproc.policy.credential_headers import credentials_among
from extproc.policy.digest import digest_of
from extproc.policy.names import CONTROL_PREFIX
from extproc.policy.redis_state import RedisAccess, redis_access
from extproc.policy.secrets import KEY_FILE
from extproc.policy.virtual_keys import KeyRing
from extproc.protocol.effects import HeaderMutation, Metadata, MetadataValue, Phase, Proceed
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Side
from extproc.routing.attempts import retries_of
from extproc.routing.health import HealthKey
from extproc.routing.mcp import McpTable, compile_mcp
from extproc.routing.mirrors import mirror_numbers
from extproc.routing.table import Choice, Destination, Table, compile_table
from extproc.signals.registry import REGISTRY, SignalRegistry, current
from extproc.transaction.auditing.settings import AuditSettings, audit_settings
from extproc.transaction.billing import counting, estimates_of, told_of
from extproc.transaction.claim import Claim
from extproc.transaction.contract import CONTRACT_VERSION, answered_by
from extproc.transaction.needs import names_route, needs_of
from extproc.transaction.requests.backend_signals import fitted
from extproc.transaction.requests.bound_signals import bound
from extproc.transaction.requests.calling import calling_of
from extproc.transaction.requests.keys import ring_of
from extproc.transaction.requests.passage import Forwarding, keyed, path_at, removed, steered, steered_to, unsteered
from extproc.transaction.requests.pools import CONTROL, EndpointPools
from extproc.transaction.requests.priced import blocks_unpriced, priced
from extproc.transaction.requests.reads import reads_of
from extproc.transaction.requests.sealing import sealing_of
from extproc.transaction.requests.tracing import traced
from extproc.transaction.spending import spending_of
from extproc.transaction.steering.edits import SteeringEdits, SteeringKey, Tried
from extproc.transaction.steering.fingerprint import demands, fingerprint
from extproc.transaction.steering.writer import SteeringWriter
from extproc.transaction.upstream.attempts import PlannedAttempts, planned_attempts
from extproc.transaction.upstream.copies import mirror_fields, mirror_metadata
from extproc.usage.prices import PriceBook, price_book

if TYPE_CHECKING:
    from extproc.transaction.spending.plan import SpendingPlan

UNPIPED = "none"
"""The name of the pipeline that stands where none is; no record has it."""

NAMES_CACHED = 256
"""Lists of header names that are remembered, with what is to be removed of them: clients send few different ones. Of
100 names each, with 100 characters, they take 3 MB."""

CLAIMS_CACHED = 1024
"""Paths whose claim is remembered. A query string makes a path its own, so the bound is what keeps a client from
filling memory; 1,024 is far more than an application's set of paths and about 200 KiB."""


class Plan:
    """A compiled policy. Immutable but for its caches; transactions keep the one they started with."""

    def __init__(
        self,
        policy: Policy,
        table: Table,
        pipelines: tuple[CompiledPipeline, ...] = (),
        signals: SignalRegistry = REGISTRY,
        stages: tuple[PlannedStage, ...] = (),
        keys: BackendKeys | None = None,
        mcp: McpTable | None = None,
        prices: PriceBook | None = None,
        digest: str = "",
        ring: KeyRing | None = None,
        audit: AuditSettings | None = None,
        generation: str = "",
    ) -> None:
        self.redis: RedisAccess | None = None
        """The Redis that the state is in, and what it is shown."""
        self.digest = digest
        """The name of the policy, which every record has. `version` names this very plan, with its credentials."""
        self.version = f"{digest}.{generation}" if generation else digest
        self.policy = policy
        self.apis = apis.current()
        self.table = table
        self.mcp = mcp
        self.pipelines = pipelines
        self.stages = stages
        self.audit = audit
        self.prices = prices or PriceBook(policy, {})
        self.blocks_unpriced = blocks_unpriced(policy)
        self.budgets: SpendingPlan | None = spending_of(policy, self.prices)
        self.guards = tuple(each for pipeline in pipelines for each in pipeline.guards)
        """The guards from elsewhere that may be asked."""
        self.unpiped = CompiledPipeline(written.Pipeline(name=UNPIPED), {}, keys=keys)
        """Stands for a pipeline where there is none and a response passes answer stages: it only looks for `keys`."""
        self.signals = signals
        self.recorded = policy.recorded_signals
        self.confines = bool(table.residency)
        """True if rules of residency say where requests may go."""
        self.reads = reads = reads_of(policy, table, pipelines, mcp, signals.vocabulary)
        self.watches_load, self.watches_speed = table.watches_load, table.watches_speed
        weighs = any(each.demand for each in table.reads.values())
        self.calling = calling_of(policy, reads.signals, ring, weighs=weighs)
        """The reading of who calls and when; None if nobody asks."""
        # Nothing of a request depends on what it says: it is not read then, and Envoy's own routes decide.
        unnamed = not policy.models and table.passes and not table.default and not table.listed
        self.estimates = estimates_of(policy)
        """The expected tokens of requests that Envoy gets; None for none."""
        limited = bool(table.permitted) or ring is not None or bool(policy.budgets) or self.estimates is not None
        self.inert = unnamed and not (self.confines or limited or self.blocks_unpriced)
        self.known = frozenset(table.names) | {name for name, _ in table.listed}
        self.meters = policy.counted_by == "processor"
        """True if the processor reads the usage of responses."""
        if reads.tokens or (self.meters and policy.usage is not None and policy.usage.tokenizer):
            tokens.load_for(self.known)
        self.limits = policy.limits
        self.health = policy.health
        self.rejects_trailers = policy.request_trailers == "reject"
        self.ends_unfinished = policy.unfinished_streams == "error"
        self.steering = policy.steering
        self.sealing = None if self.inert else sealing_of(policy, table)
        """The reading of sealed content; None if there is one maker alone."""
        staged = bool(stages) or self.sealing is not None or (mcp is not None and mcp.reads_responses)
        read = (*pipelines, *((self.unpiped,) if staged else ()))
        self.retries = retries_of(policy)
        self.told = told_of(policy, digest)
        """The metadata of usage that Envoy gets; None for none."""
        self.needs = needs_of(
            table,
            read,
            reads.conditions,
            signals.vocabulary,
            self.recorded,
            staged=staged,
            retried=self.retries is not None,
            metered=self.meters,
            mcp=mcp,
        )
        if self.told is not None:
            self.needs = self.told.shown(self.needs)
        self.needs = counting(policy, self.needs)
        if self.calling is not None:
            self.needs = self.calling.shown(self.needs)
        self.tracing = policy.telemetry.traces
        self.needs = traced(self.needs, self.tracing)
        self.collector: Collector | None = None
        self.pools = EndpointPools(policy) if policy.endpoint_pools else None
        if self.pools is not None:
            self.needs = self.pools.needing(self.needs)
            self.inert = self.inert and not self.pools.reads_free
        if self.budgets is not None:
            self.needs = self.budgets.needing(self.needs)
        self.demands = demands(policy, self.needs)
        self.fingerprint = fingerprint(self.demands)
        self.mirrors = mirror_numbers(policy)
        self._health_keys = frozenset(table.health_keys())
        # A server of MCP is at its own path alone.
        of_models = (backend for backend in policy.backends if backend.api != MCP.name)
        prefixes = {_normal(backend.address.prefix) for backend in of_models} - {"/v1", ""}
        self._prefixes = ("/v1", "", *sorted(prefixes))
        unclaimed = policy.fallback_backend
        bare = unclaimed is not None and not _normal(policy.backend(unclaimed).address.prefix)
        self._aliases = Aliases(tuple(sorted(prefixes)), bare=bare)
        self.unsteered = unsteered(table.hidden if table.removes is None else table.removes)
        onward, self.writer = table.onward, SteeringWriter(policy.steering)
        self._steered = (
            () if onward is None else tuple(steered(onward, self.writer, known=each) for each in (False, True))
        )
        self._control = self.writer.names if self.pools is None else self.writer.names | CONTROL
        self._screened: dict[tuple[str, ...], tuple[tuple[str, ...], tuple[str, ...]]] = {}
        self._claims: dict[bytes, Claim] = {}
        self.steerings: dict[SteeringKey, SteeringEdits] = {}

    @classmethod
    def compile(
        cls, policy: Policy, secrets: Mapping[str, bytes], signals: SignalRegistry | None = None, generation: str = ""
    ) -> "Plan":
        """Compiles `policy`; `secrets` is what was read from outside of it (see `policy.secrets`).

        `signals` has at least those whose vocabulary the policy was loaded with; they are those of this process unless
        told. `generation`: see `version`.

        Raises:
            UnusableError: expressions or files of rules cannot be used; it has all of them.
        """
        pipelines: list[CompiledPipeline] = []
        signals = signals or current()
        signals, wrong = bound(policy, signals)
        prices = price_book(policy, secrets, wrong)
        table = compile_table(policy, secrets, priced(prices))
        signals = fitted(signals, table)
        keys = keys_of(each.plain for each in table.quoted)
        for index, each in enumerate(policy.pipelines):
            try:
                pipelines.append(CompiledPipeline(each, secrets, index, keys))
            except UnusableError as error:
                wrong += error.parts
        stages = planned(policy.answer_stages, wrong)
        servers = compile_mcp(policy.mcp, table.destinations, secrets, wrong)
        ring = ring_of(policy.tenants, secrets.get(KEY_FILE), wrong)
        if wrong:
            raise UnusableError(wrong)
        more = (prices, digest_of(policy, secrets), ring, audit_settings(policy, secrets), generation)
        plan = cls(policy, table, tuple(pipelines), signals, stages, keys, servers, *more)
        plan.collector = collector_of(policy, secrets)
        plan.redis = redis_access(policy.state.redis, secrets)
        return plan

    def health_key(self, backend: str, model: str) -> HealthKey:
        """Return the key of a model at a backend; that of the backend for a name that a client made up."""
        return (backend, model) if (backend, model) in self._health_keys else (backend, "")

    def confines_by_body(self, destination: Destination | None) -> bool:
        """True if a request on a path of no API has to be read: its body decides if it may go to `destination`.

        `destination` is None for what Envoy's own routes decide about, which is in no region.
        """
        if not self.reads.confined_by_body:
            return False
        return destination is None or destination.region not in self.table.residency.everywhere

    def claim(self, raw_path: bytes) -> Claim:
        """Return what `raw_path` (`:path` as it came) means to us."""
        found = self._claims.get(raw_path)
        if found is None:
            if len(self._claims) >= CLAIMS_CACHED:
                self._claims.clear()
            found = self._claims[raw_path] = self._claim(raw_path)
        return found

    def pipeline(self, claim: Claim, fields: HeaderMap, route_name: str, tenant: str = "") -> CompiledPipeline | None:
        """The pipeline that is for a request."""
        return next((each for each in claim.pipelines if each.meant(fields, route_name, tenant)), None)

    def _claim(self, raw_path: bytes) -> Claim:
        claim = self._meaning(raw_path)
        others = self.reads.residency if claim.mcp is None else self.reads.serving
        conditions = self.reads.conditions if claim.claimed is not None and claim.mcp is None else others
        if not self.pipelines and not conditions:
            return claim
        # However it is spelt, a request of an API is one under that API's path.
        paths = self._aliases.of(*((claim.path, claim.claimed.path) if claim.claimed is not None else (claim.path,)))
        under = [each for each in self.pipelines if each.under(paths)]
        last = next((place for place, each in enumerate(under) if not each.conditional), len(under))
        meant = tuple(under[: last + 1])
        return replace(
            claim,
            pipelines=meant,
            reads_fields=claim.reads_fields
            or any(each.fields for each in meant)
            or any(each.headers for each in conditions),
            reads_route=any(each.reads_route for each in meant) or names_route(conditions),
        )

    def _meaning(self, raw_path: bytes) -> Claim:
        path = apis.normalise(raw_path)
        server = None if self.mcp is None else self.mcp.routes.get(path.lower())
        if server is not None:
            return Claim(server.path, apis.ApiRequestPath(MCP, server.path), reads_fields=True, mcp=server)
        if path == "/v1/models":
            return Claim(path, models="")
        if path.startswith("/v1/models/"):
            return Claim(path, models=path.removeprefix("/v1/models/"))
        # The same APIs under the path of a backend, or under none (llama.cpp and others serve both): a request that the
        # default backend would understand must not pass unread because of how it is spelt, in capitals for one.
        return Claim(path, self.apis.claim_below(path, self._prefixes))

    def screened(self, fields: HeaderMap) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return what `control_headers` and `credentials` do, remembered for these names."""
        names = tuple(fields.names())
        found = self._screened.get(names)
        if found is None:
            if len(self._screened) >= NAMES_CACHED:
                self._screened.clear()
            found = self._screened[names] = self.control_headers(fields), self.credentials(fields)
        return found

    def control_headers(self, fields: HeaderMap) -> tuple[str, ...]:
        """The names among `fields` that only we may set."""
        names = fields.names()
        # Almost always there are none, and two looks in C say so.
        if CONTROL_PREFIX not in "\n".join(names) and self._control.isdisjoint(names):
            return ()
        return tuple(n for n in names if n.startswith(CONTROL_PREFIX) or n in self._control)

    def credentials(self, fields: HeaderMap) -> tuple[str, ...]:
        """The names among `fields` that end as credentials do, beside those that are removed in any case."""
        return () if self.table.removes is None else credentials_among(fields.names())

    def passage(self, raw_path: bytes, *, known: bool, kept_at: Destination | None = None) -> Forwarding | None:
        """Return what becomes of a request of no API, or None if nothing is served. `known`: see `SteeringKey`.

        `kept_at`: the backend that keeps what it asks for.
        """
        destination = self.table.onward
        if destination is None:
            return self.unsteered if self.table.own_routes else None
        if kept_at is not None:
            return steered_to(path_at(kept_at, raw_path), kept_at, self.writer, known=known)
        path = path_at(destination, raw_path)
        if path == raw_path:
            return self._steered[known]
        return steered_to(path, destination, self.writer, known=known)

    def steer(self, key: SteeringKey, choice: Choice, claimed: apis.ApiRequestPath) -> SteeringEdits:
        """Return what the choice of a destination sets, and remember it in `steerings`."""
        # Paths, and names that the policy does not hold, are the client's to invent: bounded like the claims.
        if len(self.steerings) >= CLAIMS_CACHED:
            self.steerings.clear()
        found = self.steerings[key] = self._steering(choice, claimed, key)
        return found

    def _steering(self, choice: Choice, claimed: apis.ApiRequestPath, key: SteeringKey) -> SteeringEdits:
        _, _, model, decision, raw_path, known, tried, mirror = key
        destination, writer = choice.candidate.destination, self.writer
        asked = raw_path if destination.removes is None else apis.without_keys(raw_path)
        path = claimed.target(asked, destination.prefix if writer.ours else claimed.api.root, model)
        credential = keyed(destination.credential) if known else destination.credential
        planned = self._attempts(choice, tried, raw_path)
        headers = HeaderMutation(
            set=(
                *writer.fields(destination, model),
                *(() if planned is None else planned.fields),
                *(() if mirror is None else mirror_fields(self.mirrors[mirror.candidate.destination.name])),
                *(((":authority", destination.authority), *credential) if writer.ours else ()),
                *(((":path", path),) if path != raw_path else ()),
            ),
            remove=removed(destination, known=known),
        )
        ours: dict[str, MetadataValue] = {
            "version": CONTRACT_VERSION.decode(),
            "decision": decision,
            "model": model,
            "backend": destination.name,
        }
        if choice.rule is not None:
            ours["rule"] = choice.rule
        ours |= {} if planned is None else planned.metadata
        if mirror is not None:
            ours |= mirror_metadata(self.version, mirror, raw_path)
        neighbour = {"model_name_override": model, "ai_service_backend_name": destination.name}
        plain: Metadata = {"extproc": ours, "io.envoy.ai_gateway": neighbour}
        metadata = writer.metadata(destination, model, plain) or plain
        return SteeringEdits(
            headers=headers,
            metadata=metadata,
            unchanged=Proceed(Side.REQUEST, Phase.BODY, headers, clear_route=True, metadata=metadata, lasting=True),
            response=answered_by(decision, model, destination.name),
            planned=planned,
        )

    def tried(self, choice: Choice, asked: str, maker: str | None = None) -> Tried | None:
        """Return the attempts that an Envoy which is configured for the plan may make, if there may be several.

        `maker`: see `PlannedAttempts`.
        """
        if self.retries is None or len(choice.plan) < 2:
            return None
        return asked, tuple([each.key for each in choice.plan]), maker

    def _attempts(self, choice: Choice, tried: Tried | None, raw_path: bytes) -> PlannedAttempts | None:
        if tried is None or self.retries is None:
            return None
        asked, _, maker = tried
        return planned_attempts(self.retries, self.version, choice, asked, apis.without_keys(raw_path), maker)


def _normal(prefix: str) -> str:
    """A backend's prefix as normalised paths have it."""
    return apis.normalise(prefix.encode()).lower().rstrip("/")
