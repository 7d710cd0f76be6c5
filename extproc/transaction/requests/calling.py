"""Reading of the caller and the time as a policy has it: worked out once, and nothing where nobody asks."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from extproc.policy import Policy
from extproc.policy.signals import MEASURED, TIME
from extproc.policy.tenants import Tenants
from extproc.policy.units import zone_of
from extproc.policy.virtual_keys import KeyRing, VirtualKey
from extproc.signals.view import Circumstances

if TYPE_CHECKING:
    from extproc.transaction.needs import Needs


class Calling(Struct, frozen=True):
    """`tenants`: who may call; None if the policy does not ask. `measures`: as in `Circumstances`.

    `ring`: the virtual keys as they were when the policy was read; None if tenants do not come from keys.
    """

    tenants: Tenants | None
    zone: tzinfo
    measures: bool
    ring: KeyRing | None = None

    @property
    def key_file(self) -> Path | None:
        """The file of virtual keys, if tenants come from keys."""
        return None if self.tenants is None else self.tenants.source.keys

    def circumstances(
        self, tenant: str, attributes: Mapping[str, str], at: float | None, shown: VirtualKey | None = None
    ) -> Circumstances:
        """Return the circumstances of a request that came at a time, in seconds since 1970."""
        key = "" if shown is None else shown.id
        return Circumstances(tenant, attributes, at, self.zone, self.measures, key, shown)

    def shown(self, needs: "Needs") -> "Needs":
        """Return what Envoy has to hand over, with what tells who is calling."""
        tenants = self.tenants
        if tenants is None:
            return needs
        fields = (*needs.fields, *(name for name in tenants.fields if name not in needs.fields))
        return replace(needs, fields=fields, attributes=tenants.attributes, namespaces=tenants.namespaces)


def calling_of(
    policy: Policy, signals: AbstractSet[str], ring: KeyRing | None = None, *, weighs: bool = False
) -> Calling | None:
    """Return how it is found out for a policy that reads these signals; None if it asks for nothing of it.

    `weighs`: some choice of a backend weighs what requests need.
    """
    measures = weighs or not MEASURED.isdisjoint(signals)
    if policy.tenants is None and not measures and TIME.name not in signals:
        return None
    return Calling(policy.tenants, zone_of(policy.time_zone), measures, ring)
