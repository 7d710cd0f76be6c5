"""What the tests through a real Envoy share: gateways that are started once, and what is checked after each test."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack

import pytest

from extproc.gateway.bootstrap import Profile
from extproc.server.transport import TRANSPORTS
from tests.e2e.gateway import PROFILES, VERSIONS, Gateway, Patch, Site, Version, gateway, site
from tests.e2e.policies import DIRECT, KEYLESS


class Pool:
    """Sites by policy, and gateways before them: each is started when it is first asked for, and kept."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._sites: dict[tuple[str, str], Site] = {}
        self._gateways: dict[tuple[str, str, Profile, Patch], Gateway] = {}

    def site(self, policy: str, transport: str) -> Site:
        """The site under a policy."""
        if (policy, transport) not in self._sites:
            self._sites[policy, transport] = self._stack.enter_context(site(policy, transport))
        return self._sites[policy, transport]

    def gateway(self, policy: str, transport: str, profile: Profile, patch: Patch = id) -> Gateway:
        """The gateway before the site under a policy, with a bootstrap that `patch` (a module's function) altered."""
        key = (policy, transport, profile, patch)
        if key not in self._gateways:
            self._gateways[key] = self._stack.enter_context(gateway(self.site(policy, transport), profile, patch))
        return self._gateways[key]


# Not parametrised fixtures of session scope: pytest would stop and start the gateways with each change of a parameter.
@pytest.fixture(scope="session")
def pool() -> Iterator[Pool]:
    with ExitStack() as stack:
        yield Pool(stack)


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
BACKENDS = ("upstreams", "credentials", "bad_requests", "misconfigured", "workers")
ONE_TRANSPORT = frozenset(f"test_{name}.py" for name in (*READING, *JUDGING, *BACKENDS))
"""Files about what is the same whichever transport brings a message: the second one is for `deep`."""


def pytest_itemcollected(item: pytest.Item) -> None:
    """Marks repetitions `deep`: any two of transport, profile and version meet without them, only all three do not."""
    params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    if _repeats(params, item.path.name):
        item.add_marker(pytest.mark.deep)


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
