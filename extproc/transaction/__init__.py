"""The only decider: joins protocol, apis, inspection and routing into what is answered to Envoy."""

from extproc.policy.names import CONTROL_PREFIX
from extproc.transaction.lanes import Lane
from extproc.transaction.needs import FIELDS_READ, Needs
from extproc.transaction.plan import Plan
from extproc.transaction.shared import Shared
from extproc.transaction.transaction import Transaction

__all__ = ["CONTROL_PREFIX", "FIELDS_READ", "Lane", "Needs", "Plan", "Shared", "Transaction"]
