"""Raw HTTP clients for tests: they send exactly what they are told, when they are told, and say exactly what came back.

`http1.Http1` needs the `h11` library and `http2.Http2` the `h2` library; neither comes with the plain install.
"""

from extproc.testing.clients.answer import ClientResponse, Ending, Piece
from extproc.testing.clients.script import ClientRequest, Disconnect, End, Pause, ScriptStep, Until, When

__all__ = [
    "ClientRequest",
    "ClientResponse",
    "Disconnect",
    "End",
    "Ending",
    "Pause",
    "Piece",
    "ScriptStep",
    "Until",
    "When",
]
