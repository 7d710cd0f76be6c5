"""The comparison of an Envoy configuration, whoever wrote it, with what a policy needs of one."""

from extproc.gateway.against.compare import Difference, compare, notes
from extproc.gateway.against.written import UnreadableConfigError, WrittenConfig, read

__all__ = ["Difference", "UnreadableConfigError", "WrittenConfig", "compare", "notes", "read"]
