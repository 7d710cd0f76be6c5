"""Notes on where state is kept."""

from collections.abc import Iterator
from ipaddress import ip_address

from extproc.policy.address import is_ip
from extproc.policy.base import Loc
from extproc.policy.model import Policy


def state_notes(policy: Policy) -> Iterator[tuple[Loc, str, str]]:
    """Yield each note: its place, what looks wrong, and the fix."""
    redis = policy.state.redis
    if redis is None or redis.password is None:
        return
    address = redis.address
    near = (
        bool(address.path)
        or address.host == "localhost"
        or (is_ip(address.host) and ip_address(address.host).is_loopback)
    )
    if not address.secure and not near:
        message = "this password goes over the network in clear text"
        yield ("state", "redis", "password"), message, "use rediss:// in `url` if you can"
