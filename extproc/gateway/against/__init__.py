"""The comparison of an Envoy configuration, whoever wrote it, with what a policy needs of one."""

from extproc.gateway.against.compare import Difference, compare, notes
from extproc.gateway.against.written import UnreadableError, Written, read

__all__ = ["Difference", "UnreadableError", "Written", "compare", "notes", "read"]
