"""The file in which this machine keeps its trusted certificate authorities, for an Envoy that runs here too."""

import os
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from extproc.gateway.bootstrap import SYSTEM_CA

PLACES: Final = (
    SYSTEM_CA,
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",  # older RHEL
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # Alpine, macOS
)


def system_ca(environment: Mapping[str, str] | None = None, places: Sequence[str] = PLACES) -> str:
    """The first file that is there: SSL_CERT_FILE, where distributions have it, where Python's OpenSSL looks.

    Where there is none, the customary path all the same: Envoy then names the file that it misses.
    """
    named = (os.environ if environment is None else environment).get("SSL_CERT_FILE")
    looked = ssl.get_default_verify_paths().cafile
    found = (path for path in (named, *places, looked) if path and Path(path).is_file())
    return next(found, SYSTEM_CA)
