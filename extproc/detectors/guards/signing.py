"""Signatures of requests to AWS, version 4, as its documentation describes them; the time is an argument."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from extproc.detectors.service import AwsKey

ALGORITHM: Final = "AWS4-HMAC-SHA256"
_PLAIN: Final = "-_.~"


def signed(key: AwsKey, path: str, fields: Mapping[str, str], body: bytes, now: float) -> dict[str, str]:
    """Return the header fields that sign a POST.

    `path` is as it stands in the request; `fields` are those to be signed, by lower-case names, `host` among them.
    `now` is Unix time.
    """
    moment = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    added = {"x-amz-date": moment}
    if key.session_token is not None:
        added["x-amz-security-token"] = key.session_token
    every = sorted({**fields, **added}.items())
    names = ";".join(name for name, _ in every)
    canonical = "\n".join(
        [
            "POST",
            quote(path, safe=f"/{_PLAIN}"),  # the path's own escapes are escaped again
            "",
            *(f"{name}:{' '.join(value.split())}" for name, value in every),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        ]
    )
    scope = f"{moment[:8]}/{key.region}/{key.service}/aws4_request"
    said = "\n".join([ALGORITHM, moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    signature = hmac.new(_derived(key, moment[:8]), said.encode(), hashlib.sha256).hexdigest()
    credential = f"Credential={key.access_key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {**added, "authorization": f"{ALGORITHM} {credential}"}


def _derived(key: AwsKey, day: str) -> bytes:
    """The key of a day, a region and a service."""
    found = b"AWS4" + key.secret_access_key.encode()
    for part in (day, key.region, key.service, "aws4_request"):
        found = hmac.new(found, part.encode(), hashlib.sha256).digest()
    return found
