"""The whole bootstrap, as data and as YAML."""

from collections.abc import Iterator, Sequence
from typing import Final

import yaml

from extproc.gateway.bootstrap.clusters import (
    backend_cluster,
    first_cluster,
    mirror_cluster,
    pool_cluster,
    retry_cluster,
)
from extproc.gateway.bootstrap.listener import listener
from extproc.gateway.bootstrap.processor import processor_cluster
from extproc.gateway.bootstrap.values import (
    SYSTEM_CA,
    Json,
    ProcessorTls,
    Profile,
    Setting,
    SocketAddress,
    own_address,
    typed,
)
from extproc.policy import Policy
from extproc.transaction import Needs

CONNECTIONS: Final = 50_000
"""Client connections at once; beyond it new ones are refused. Bounds Envoy's memory; each needs a file descriptor."""

RUNTIME: Final = {
    # The allow-list of header names is one expression, larger than Envoy's default bound of 100 for expressions that
    # come from others.
    "re2.max_program_size.error_level": 20_000,
}


def bootstrap(
    policy: Policy,
    *,
    needs: Needs,
    endpoints: Sequence[str],
    listen: SocketAddress,
    profile: Profile = "buffered",
    admin: SocketAddress | None = None,
    access_log: str | None = None,
    processor_tls: ProcessorTls | None = None,
    system_ca: str = SYSTEM_CA,
) -> Json:
    """Envoy's bootstrap for a policy.

    `needs` is what the compiled policy has to see of responses. `endpoints` are the processor's workers, `unix:/path`
    or `host:port` each. `access_log` and `system_ca` are paths on Envoy's machine.

    Raises:
        ValueError: an endpoint is not written so, or they do not go together.
    """
    setting = Setting(policy, profile, needs, tuple(endpoints), listen, admin, access_log, processor_tls, system_ca)
    return {
        **({"admin": {"address": own_address(admin)}} if admin else {}),
        "layered_runtime": {"layers": [{"name": "bounds", "static_layer": RUNTIME}]},
        "overload_manager": {"resource_monitors": [_connections()]},
        "static_resources": {
            "listeners": [listener(setting)],
            "clusters": [
                processor_cluster(setting),
                *(backend_cluster(each, setting) for each in policy.backends),
                *(pool_cluster(p, setting) for p in policy.endpoint_pools if not p.backends),
                *_later(setting),
            ],
        },
    }


def _later(setting: Setting) -> Iterator[Json]:
    """The clusters of later attempts, of first ones whose responses are read, and of copies."""
    retries = setting.retries
    if retries is not None:
        backends = setting.policy.backends
        yield from (retry_cluster(each, setting) for each in backends if each.name in retries.backends)
        yield from (first_cluster(each, setting) for each in backends if each.name in retries.read)
    yield from (mirror_cluster(each, setting) for each in setting.policy.backends if each.name in setting.mirrors)


def _connections() -> Json:
    monitor = "envoy.resource_monitors.global_downstream_max_connections"
    message = "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
    return {"name": monitor, "typed_config": typed(message, max_active_downstream_connections=CONNECTIONS)}


class _Plain(yaml.SafeDumper):
    """YAML without anchors: two equal parts are written out twice, as a person would."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  - the base class's signature
        return True


def render(whole: Json, comment: Sequence[str] = ()) -> str:
    """A bootstrap as YAML, in the order in which it was made, below lines of comment."""
    head = "".join(f"# {' '.join(line.splitlines())}".rstrip() + "\n" for line in comment)
    return head + yaml.dump(whole, Dumper=_Plain, sort_keys=False, width=120, allow_unicode=True)
