"""The generator of Envoy's bootstrap: the operator's policy in, a whole configuration out."""

from extproc.gateway.bootstrap.document import bootstrap, render
from extproc.gateway.bootstrap.values import PROCESSOR, SYSTEM_CA, Json, ProcessorTls, Profile, SocketAddress

__all__ = ["PROCESSOR", "SYSTEM_CA", "Json", "ProcessorTls", "Profile", "SocketAddress", "bootstrap", "render"]
