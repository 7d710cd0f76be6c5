"""The TLS side of the listener: HTTP/2 only, certificates from memory."""

import ssl
from typing import Final

from extproc.server.h2.shell import PROTOCOL
from extproc.server.tls import TlsContent, readable

CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2, what HTTP/2 does not forbid (RFC 9113, 9.2.2 and appendix A); those of TLS 1.3 are all fine."""


def context(tls: TlsContent) -> ssl.SSLContext:
    """Return what new connections are encrypted with; clients must show a certificate if there is a `client_ca`."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 9113, 9.2
    made.set_ciphers(CIPHERS)
    made.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION  # RFC 9113, 9.2.1
    made.set_alpn_protocols([PROTOCOL])
    with readable(tls.cert) as cert, readable(tls.key) as key:
        made.load_cert_chain(cert, key)
    if tls.client_ca is not None:
        made.verify_mode = ssl.CERT_REQUIRED
        with readable(tls.client_ca) as authorities:
            made.load_verify_locations(authorities)
    return made
