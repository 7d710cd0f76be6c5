"""Services that a program talks to. Most tokens tell by their prefix whose they are."""

from extproc.detectors.secrets.likelihood import random, token
from extproc.matching.rule import Rule


def _prefixed(kind: str, pattern: str, hit: str, miss: str, bits: float = 3.0, sign: str = "") -> Rule:
    """A token that its beginning names; the characters of tokens do not follow it. `sign`: see `Rule`."""
    return Rule(
        kind=kind,
        pattern=pattern,
        sign=sign,
        after=r"[:alnum:]-",
        validator=token if bits == 3.0 else lambda text: random(text, bits),
        hits=(f"a «{hit}» b",),
        misses=(miss,),
    )


RULES = (
    _prefixed(
        "slack-token",
        r"xox[abeoprs](?:\.xox[bp])?-(?:\d-)?(?:[A-Za-z0-9]{1,40}-){0,4}[A-Za-z0-9]{14,250}|xox[os](?:-\d{6,13}){3}-[a-f0-9]{8,13}",
        "xoxb-499597344855-957359644414-DoBcE4wKCnBqtlEcLmm3E1aG",
        "xoxb-12345-abcd234",
        3.1,
    ),
    _prefixed(
        "slack-app-token",
        r"xapp-\d-[A-Z0-9]{8,12}-\d{8,15}-[a-f0-9]{60,70}",
        "xapp-1-A052FGTS2DL-5171572773297-610b6a11f4b7eb819e87b767d80e6575a3634791acb9a9ead051da879eb5b55e",
        "xapp-1-A",
    ),
    _prefixed(
        "slack-webhook",
        r"https?://hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{40,60}",
        "https://hooks.slack.com/services/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",
        "https://hooks.slack.com/services/",
    ),
    _prefixed(
        "stripe-key",
        r"(?:sk|rk)_(?:test|live|prod)_[A-Za-z0-9]{10,99}|whsec_[A-Za-z0-9+/=]{32,64}",
        "sk_live_vYTIkpfrQKblUOlJRVzCQ8N8",
        "sk_live_xxxxxxxxxxxxxxxxxxxxxxxx",
        sign="[sr]k_(?:test|live|prod)_|whsec_",
    ),
    _prefixed(
        "sendgrid-key",
        r"SG\.[\w-]{22}\.[\w-]{43}",
        "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",
        "SG.short.short",
    ),
    _prefixed(
        "twilio-key", r"SK[0-9a-f]{32}", "SK99ae7dab7b309044f5f701cc5e9c7db8", "SK00000000000000000000000000000000"
    ),
    _prefixed(
        "mailgun-key", r"key-[a-f0-9]{32}|(?:pub)?key-[a-f0-9]{32}", "key-3f9a1c7e5b2d8f6040e1a9c7b5d3f281", "key-value"
    ),
    _prefixed("mailchimp-key", r"[0-9a-f]{32}-us\d{1,2}", "b5b9f8e50c640da28993e8b6a48e3e53-us18", "us18"),
    _prefixed(
        "shopify-token", r"shp(?:at|ca|pa|ss)_[a-zA-Z0-9]{32}", "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", "shpat_x"
    ),
    _prefixed(
        "square-token",
        r"sq0(?:atp|csp|idp)-[\w-]{22,43}|EAAA[\w+=-]{56,60}",
        "sq0atp-812erere3wewew45678901",
        "sq0atp-short",
        sign=r"sq0(?:atp|csp|idp)-|EAAA[\w+=-]{8}",
    ),
    _prefixed(
        "facebook-token",
        r"EAA[A-Za-z0-9]{100,300}",
        "EAAM9GOnCB9kBO2zXpAtRBmCrsPPjdA3KeBl4tqsEpcYd09cpjm9MZCBIklZBjIQBKGIJgFwm8IE17G5pipsfRBRBEHMWxvJsL7iHLUouiprxKRQfA",
        "EAAM9GOnCB9",
    ),
    Rule(
        kind="facebook-app-token",
        pattern=r"\d{15,16}\|[\w-]{27,40}",
        before=r"[:alnum:]|",
        after=r"[:alnum:]|-",
        validator=token,
        hits=("facebook «1308742762612587|rhoK1cbv0DOU_RTX_87O4MkX7AI»",),
        misses=("1308742762612587|short",),
    ),
    _prefixed(
        "notion-token",
        r"ntn_\d{11}[A-Za-z0-9]{35}|secret_[A-Za-z0-9]{43}",
        "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",
        "ntn_12345678901abc",
    ),
    _prefixed(
        "linear-key",
        r"lin_(?:api|oauth)_[A-Za-z0-9]{40,64}",
        "lin_api_T7kLmN2pQ9rS4tU6vW8xY1zA3bC5dE7fG9hJ2kL4",
        "lin_api_x",
    ),
    _prefixed(
        "doppler-token",
        r"dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}",
        "dp.pt.T7kLmN2pQ9rS4tU6vW8xY1zA3bC5dE7fG9hJ2kL4mN6",
        "dp.pt.x",
    ),
    _prefixed(
        "planetscale-token",
        r"pscale_(?:tkn|oauth|pw)_[\w=.-]{32,64}",
        "pscale_tkn_T7kLmN2pQ9rS4tU6vW8xY1zA3bC5dE7fG9hJ",
        "pscale_tkn_x",
        sign="pscale_",
    ),
    _prefixed(
        "postman-key",
        r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}",
        "PMAK-5f8d7e6c4b3a29180f7e6d5c-1a2b3c4d5e6f708192a3b4c5d6e7f80912",
        "PMAK-x",
    ),
    _prefixed(
        "newrelic-key",
        r"NRAK-[A-Z0-9]{27}|NRII-[\w-]{32}|NRJS-[a-f0-9]{19}",
        "NRAK-7K2M9P4R6T1V3X5Z8B0D2F4H6J8",
        "NRAK-x",
        sign="NRAK-|NRII-|NRJS-",
    ),
    _prefixed(
        "grafana-token",
        r"glsa_[A-Za-z0-9]{32}_[a-fA-F0-9]{8}|glc_[A-Za-z0-9+/]{32,400}={0,2}|eyJrIjoi[A-Za-z0-9+/]{70,400}={0,2}",
        "glsa_T7kLmN2pQ9rS4tU6vW8xY1zA3bC5dE7f_1a2b3c4d",
        "glc_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        sign="glsa_|glc_|eyJrIjoi",
    ),
    _prefixed(
        "sentry-token",
        r"sntrys_eyJ[\w=/+]{60,400}|sntryu_[a-f0-9]{64}",
        "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",
        "sntryu_x",
    ),
    _prefixed("figma-token", r"fig[dou]r?_[\w-]{40,50}", "figd_T7kLmN2pQ9rS4tU6vW8xY1zA3bC5dE7fG9hJ2kL4", "figd_x"),
    _prefixed(
        "airtable-token",
        r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}",
        "patT7kLmN2pQ9rS4t.0e564282731d095dc12d8b9941869444e1093981cde3eb3d934806d28508730a",
        "patT7kLm",
    ),
    _prefixed(
        "fly-token",
        r"fo1_[\w-]{43}|fm[12][ar]?_[A-Za-z0-9+/=_-]{100,400}",
        "fo1_T7kLmN2pQ9rS4tU6vW8xY1zA3bC5dE7fG9hJ2kL4mN6",
        "fo1_x",
        sign="fo1_|fm[12][ar]?_",
    ),
    _prefixed(
        "telegram-bot-token",
        r"\d{8,10}:AA[\w-]{32,35}",
        "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw3",
        "110201543:AAH",
        3.5,
    ),
    _prefixed(
        "discord-bot-token",
        r"[MNO][A-Za-z\d_-]{23,25}\.[\w-]{6}\.[\w-]{27,38}",
        "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs",
        "M.a.b",
        3.5,
    ),
    _prefixed(
        "onepassword-token",
        r"ops_eyJ[\w+/-]{120,1000}={0,3}",
        "ops_eyJ" + "zaWduSW5BZGRyZXNzIjoiemFjaC1hbmQtbGVhbm5l" * 3,
        "ops_eyJ",
    ),
    _prefixed(
        "onepassword-secret-key",
        r"A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}",
        "A3-ASWWYB-798JRYLJVD4-23DC2-86TVM-H43EB",
        "A3-xXXXXX-XXXXXX-XXXXX-XXXXX-XXXXX-XXXXX",
        3.5,
    ),
    _prefixed(
        "scalingo-token", r"tk-us-[\w-]{48}", "tk-us-T7kLmN2pQ9rS4tU6vW8xY1zA3bC5dE7fG9hJ2kL4mN6pQ8rS", "tk-us-x"
    ),
    _prefixed(
        "intra42-secret",
        r"s-s4t2(?:ud|af)-[a-f0-9]{64}",
        "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",
        "s-s4t2ud-x",
    ),
    _prefixed(
        "easypost-token",
        r"EZ[AT]K[A-Za-z0-9]{54}",
        "EZAKT7kLmN2pQ9rS4tU6vW8xY1zA3bC5dE7fG9hJ2kL4mN6pQ8rS1tU3v7",
        "EZAKx",
    ),
    _prefixed(
        "duffel-token",
        r"duffel_(?:test|live)_[\w=-]{43}",
        "duffel_live_T7kLmN2pQ9rS4tU6vW8xY1zA3bC5dE7fG9hJ2kL4mN6",
        "duffel_live_x",
        sign="duffel_",
    ),
    _prefixed(
        "dynatrace-token",
        r"dt0c01\.[A-Z2-7]{24}\.[A-Z2-7]{64}",
        "dt0c01.ST2EY72KQINMH574WMNVI7YN.G3DFPBEJYMODIDAEX454M7YWBUVEFOWKPRVMWFASS64NFH52PX6BNDVFFM572RZM",
        "dt0c01.x",
    ),
    _prefixed(
        "flutterwave-key",
        r"FLW(?:SEC|PUB)K(?:_TEST)?-[a-h0-9]{32}-X|FLWSECK_TEST-[a-h0-9]{12}",
        "FLWSECK_TEST-9f8e7d6c5b4a39281706f5e4d3c2b1a0-X",
        "FLWSECK_TEST-x",
    ),
    _prefixed("readme-key", r"rdme_[a-z0-9]{70}", "rdme_" + "t7klmn2pq9rs4tu6vw8xy1za3bc5de7fg9h" * 2, "rdme_x"),
    _prefixed("prefect-key", r"pnu_[a-zA-Z0-9]{36}", "pnu_T7kLmN2pQ9rS4tU6vW8xY1zA3bC5dE7fG9hJ", "pnu_x"),
    _prefixed("infracost-key", r"ico-[a-zA-Z0-9]{32}", "ico-T7kLmN2pQ9rS4tU6vW8xY1zA3bC5dE7f", "ico-x", 3.5),
    _prefixed(
        "age-secret-key",
        r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}",
        "AGE-SECRET-KEY-1QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54KHCE",
        "AGE-SECRET-KEY-1",
    ),
)
