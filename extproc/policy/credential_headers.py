"""Header fields in which a client's credential may come: the ones that are known, and the kind.

A client's credential is meant for the gateway or for something before it, never for a backend. `CREDENTIALS` are
removed from every request by name, whether or not they came, because Envoy need not show them to the processor. Names
that end as credentials do (`CREDENTIAL_ENDINGS`) are shown, and removed if they came.
"""

from collections.abc import Iterable, Mapping
from typing import Final

CREDENTIALS: Final[Mapping[str, str]] = {
    # HTTP
    "authorization": "RFC 9110; OpenAI and nearly every API",
    "proxy-authorization": "RFC 9110: for a proxy on the way",
    "cookie": "RFC 6265: the session of a browser",
    "dpop": "RFC 9449: the proof beside a token",
    # APIs of models
    "x-api-key": "Anthropic and many others; AWS API Gateway",
    "api-key": "Azure OpenAI, Qdrant",
    "apikey": "Supabase; Kong's key-auth",
    "x-goog-api-key": "Gemini and every API of Google",
    "openai-api-key": "gateways that take OpenAI's key beside one of their own",
    "anthropic-api-key": "the same of Anthropic's",
    "xi-api-key": "ElevenLabs",
    "x-key": "Black Forest Labs",
    "modal-key": "Modal: the public half of a proxy token",
    "x-rapidapi-key": "RapidAPI",
    "x-functions-key": "Azure Functions",
    "x-amz-security-token": "AWS: the session of temporary credentials, as for Bedrock",
    "x-auth-token": "OpenStack and others",
    "x-access-token": "JWT middleware",
    "private-token": "GitLab",
    # Gateways before APIs
    "ocp-apim-subscription-key": "Azure API Management",
    "helicone-auth": "Helicone",
    "x-portkey-api-key": "Portkey",
    "x-portkey-virtual-key": "Portkey: stands for a provider's key",
    "x-portkey-config": "Portkey: may hold providers' keys as JSON",
    "cf-aig-authorization": "Cloudflare AI Gateway",
    "x-forwarded-access-token": "oauth2-proxy: the token of the client's session",
    # Proxies that know who the client is: what they say may be replayed, or names a person
    "cf-access-client-id": "Cloudflare Access: a service token's first half",
    "cf-access-client-secret": "Cloudflare Access: its second half",
    "cf-access-jwt-assertion": "Cloudflare Access: the signed identity",
    "x-goog-iap-jwt-assertion": "Google Identity-Aware Proxy: the signed identity",
    "x-goog-authenticated-user-email": "Google Identity-Aware Proxy: a person",
    "x-goog-authenticated-user-id": "Google Identity-Aware Proxy: a person",
    "x-amzn-oidc-accesstoken": "AWS load balancers: the token of the client's session",
    "x-amzn-oidc-data": "AWS load balancers: the signed identity",
    "x-amzn-oidc-identity": "AWS load balancers: a person",
    "x-ms-client-principal": "Azure App Service: the identity in base64",
}
"""Names, and who sends a credential so. Those that end as credentials do are here if they are frequent: an Envoy that
is not configured by `extproc envoy` may show the processor a list of fields alone."""

CREDENTIAL_ENDINGS: Final = (
    "-authorization",
    "-auth",
    "-token",
    "-secret",
    "-password",
    "-credential",
    "-credentials",
    "-jwt",
    "-assertion",
    "-apikey",
    "-key",
    "-vk",
    "-userinfo",
    "-service-account-json",
)
"""Endings of the names of such fields: `x-gladia-key`, `x-bf-vk` (a virtual key of Bifrost), `x-odd-userinfo`
(a token's claims). Each is one pattern more that Envoy holds every field of a request against."""

HARMLESS_ENDINGS: Final = (
    "idempotency-key",
    "websocket-key",
    "cache-key",
    "partition-key",
    "routing-key",
    "surrogate-key",
    "affinity-key",
)
"""Endings of names that end as credentials do and are none."""


def carries_credential(name: str) -> bool:
    """True if a field of this name, in lower case, is taken for a credential."""
    return name in CREDENTIALS or (name.endswith(CREDENTIAL_ENDINGS) and not name.endswith(HARMLESS_ENDINGS))


def credentials_among(names: Iterable[str]) -> tuple[str, ...]:
    """Return those of `names` that end as credentials do and are not removed by name anyway."""
    # Almost always there are none, and some looks in C say so: each ending has one of these.
    joined = "\n".join(names) + "\n"
    if not (
        "key\n" in joined
        or "-token\n" in joined
        or "-auth" in joined
        or "-secret\n" in joined
        or "-jwt\n" in joined
        or "-assertion\n" in joined
        or "-password\n" in joined
        or "-credential" in joined
        or "-vk\n" in joined
        or "-userinfo\n" in joined
        or "-service-account-json\n" in joined
    ):
        return ()
    return tuple(name for name in names if carries_credential(name) and name not in CREDENTIALS)
