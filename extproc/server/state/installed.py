"""The packages that a state needs."""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Final

from extproc.policy import Policy, Unusable

PROTOCOL: Final = "hiredis"
"""The package that speaks Redis's protocol: the extra `redis`."""


def unusable_state(policy: Policy) -> Iterator[Unusable]:
    """Yield the state that cannot be used here, because a package is missing."""
    if policy.state.redis is not None and find_spec(PROTOCOL) is None:
        mend = 'install the extra `redis`: pip install "envoy-extproc[redis]"'
        yield Unusable(("state", "redis"), f"the package {PROTOCOL} is not installed", mend)
