"""What the tests through a real Envoy share: gateways that are started once, and what is checked after each test."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Final

import pytest

from extproc.gateway.bootstrap import Profile
from extproc.server.transport import TRANSPORTS
from tests.e2e.gateway import PROFILES, VERSIONS, Gateway, Patch, Site, Version, gateway, site
from tests.e2e.policies import DIRECT, KEYLESS

SITES_KEPT: Final = 6
"""Sites that a pool keeps running: the tests of a file follow each other, and use six at the most. An idle processor
takes 0.2 % of a core, and so does each Envoy before it; a run has thirty processors and a hundred Envoys."""


class Kept:
    """A running site, the gateways before it, and what ends them."""

    def __init__(self, policy: str, transport: str) -> None:
        self.stack = ExitStack()
        self.site = self.stack.enter_context(site(policy, transport))
        self._gateways: dict[tuple[Profile, Patch], Gateway] = {}

    def gateway(self, profile: Profile, patch: Patch) -> Gateway:
        """The gateway with this configuration."""
        key = (profile, patch)
        if key not in self._gateways:
            self._gateways[key] = self.stack.enter_context(gateway(self.site, profile, patch))
        return self._gateways[key]


class Pool:
    """Sites by policy, and gateways before them: each is started when it is first asked for.

    It is kept until `SITES_KEPT` other sites were used after it.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Kept] = {}
        """The one that was used last is the last."""

    def site(self, policy: str, transport: str) -> Site:
        """The site under a policy."""
        return self._used(policy, transport).site

    def gateway(self, policy: str, transport: str, profile: Profile, patch: Patch = id) -> Gateway:
        """The gateway before the site under a policy, with a bootstrap that `patch` (a module's function) altered."""
        return self._used(policy, transport).gateway(profile, patch)

    def end(self) -> None:
        """Ends all."""
        with ExitStack() as stack:
            for kept in self._kept.values():
                stack.push(kept.stack)
            self._kept.clear()

    def _used(self, policy: str, transport: str) -> Kept:
        key = (policy, transport)
        kept = self._kept.pop(key, None)
        if kept is None:
            if len(self._kept) >= SITES_KEPT:
                self._kept.pop(next(iter(self._kept))).stack.close()
            kept = Kept(policy, transport)
        self._kept[key] = kept
        return kept


# Not parametrised fixtures of session scope: pytest would stop and start the gateways with each change of a parameter.
@pytest.fixture(scope="session")
def pool() -> Iterator[Pool]:
    kept = Pool()
    try:
        yield kept
    finally:
        kept.end()


@pytest.fixture(params=sorted(TRANSPORTS))
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=PROFILES)
def profile(request: pytest.FixtureRequest) -> Profile:
    chosen: Profile = request.param
    return chosen


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> Version:
    chosen: Version = request.param
    return chosen


READING = (
    "hiding",
    "inspection",
    "numbers",
    "watching",
    "streams",
    "streams_whole",
    "streamed_as_whole",
    "inspection_cuts",
)
JUDGING = ("inspection_failures", "neighbours")
BACKENDS = ("failover", "failover_content", "upstreams", "credentials", "bad_requests", "misconfigured", "workers")
ENVOYS_PART = ("contract", "modes", "unclaimed", "upgrades")
ONE_TRANSPORT = frozenset(f"test_{name}.py" for name in (*READING, *JUDGING, *BACKENDS, *ENVOYS_PART))
"""Files about what is the same whichever transport brings a message: the second one is for `deep`."""


def pytest_itemcollected(item: pytest.Item) -> None:
    """Marks repetitions `deep`: any two of transport, profile and version meet without them, only all three do not."""
    params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    if _repeats(params, item.path.name):
        item.add_marker(pytest.mark.deep)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests that use the pool first: one xdist worker then starts most of its gateways, the others none.

    `--dist worksteal` gives each worker a part of the list, and an idle one takes from the end of another's part.
    """
    items.sort(key=lambda item: not (isinstance(item, pytest.Function) and "pool" in item.fixturenames))


def _repeats(params: Mapping[str, object], name: str) -> bool:
    """Whether a test's other combinations show as much, two choices at a time."""
    second = [
        params[which] == value
        for which, value in (("transport", "grpcio"), ("profile", "full-duplex"), ("version", "http2"))
        if which in params
    ]
    if name in ONE_TRANSPORT and params.get("transport") == "grpcio":
        return True
    if len(second) == 3:
        # Four of eight: each pair of values is in one of them.
        return sum(second) % 2 == 1
    return params.get("transport") == "grpcio" and params.get("version") == "http2"


Shared = Callable[..., Gateway]


@pytest.fixture
def shared(pool: Pool, transport: str) -> Iterator[Shared]:
    """Gateways that outlive the test; what must hold after every test is checked on each that it used."""
    used: list[Gateway] = []

    def of(policy: str, profile: Profile, patch: Patch = id) -> Gateway:
        chosen = pool.gateway(policy, transport, profile, patch)
        chosen.site.begin()
        used.append(chosen)
        return chosen

    yield of
    for one in used:
        one.check()


@pytest.fixture
def direct(shared: Shared, profile: Profile) -> Gateway:
    """A gateway whose processor looks at responses only for keys that errors quote."""
    return shared(DIRECT, profile)


@pytest.fixture
def keyless(shared: Shared, profile: Profile) -> Gateway:
    """A gateway whose processor sees no response."""
    return shared(KEYLESS, profile)
