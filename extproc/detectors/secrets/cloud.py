"""Clouds and where programs run."""

from extproc.detectors.secrets.likelihood import example, random, token
from extproc.matching.rule import Rule

RULES = (
    Rule(
        kind="aws-access-key-id",
        pattern=r"(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}",
        validator=token,
        hits=("id «AKIAZYMLOPIFQYF7M2NX»",),
        misses=("AKIAIOSFODNN7EXAMPLE", "AKIAAAAAAAAAAAAAAAAA", "XAKIAZYMLOPIFQYF7M2NX"),
    ),
    Rule(
        kind="aws-secret-access-key",
        pattern=r"(?:aws|amazon)?[\w.-]{0,20}secret[\w.-]{0,20}[\"']?\s{0,12}(?:=>|:=|=|:)\s{0,12}[\"']?([a-z0-9/+]{40})",
        after=r"[:alnum:]/+=",
        fold=True,
        group=1,
        validator=lambda text: random(text, 3.8),
        sign=r"secret[\w.-]{0,20}[\"']?\s{0,12}(?:=>|:=|=|:)",
        hits=("aws_secret_access_key = «OWFtjcdwBCRGja3o3kV+2WHPSoIFieCIPnINFB44»",),
        misses=(
            "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "secret: 0000000000000000000000000000000000000000",
        ),
    ),
    Rule(
        kind="aws-bedrock-api-key",
        pattern=r"ABSK[A-Za-z0-9+/]{109,269}={0,2}|bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29t[A-Za-z0-9+/=]{0,400}",
        after=r"[:alnum:]+/",
        validator=lambda text: len(set(text)) > 8 and not example(text),
        sign=r"ABSK[A-Za-z0-9+/]{8}|bedrock-api-key-",
        hits=(
            (
                "«ABSKQmVkcm9ja0FQSUtleS1qN2xPcTRzVnc5eEJ0MmZHZDZoWmt1Y1lhMUtNcFJ2TDhUblEzV29FNXlqSWdYek5iSH"
                "M3RHJVMENhNlZtRmVKMlB0aTlLcTRRd1R4UmJ5»"
            ),
        ),
        misses=("ABSKQmVkcm9ja0FQSUtleS1",),
    ),
    Rule(
        kind="gcp-api-key",
        pattern=r"AIza[\w-]{35}",
        after=r"[:alnum:]-",
        validator=token,
        hits=("«AIzaIgNAeB03xbnVEtNCKxy2Jld_6rKCAonlR7H»",),
        misses=("AIzaIgNAeB03xbnVEtNCKxy2Jld", "AIzaxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
    ),
    Rule(
        kind="gcp-oauth",
        pattern=r"GOCSPX-[\w-]{28}|ya29\.[\w-]{30,400}|1//0[\w-]{40,200}",
        after=r"[:alnum:]-",
        validator=token,
        sign=r"GOCSPX-|ya29\.|1//0",
        hits=("«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»", "«ya29.a0AfH6SMBx7yQpR3kTzWvN5uLcE2dFgHjK»"),
        misses=("GOCSPX-short", "ya29.short"),
    ),
    Rule(
        kind="azure-client-secret",
        pattern=r"[\w~.]{3}\dQ~[\w~.-]{31,34}",
        before=r"[:alnum:]~.-",
        after=r"[:alnum:]~-",
        sign=r"\dQ~",
        validator=lambda text: random(text, 3.0),
        hits=("client_secret=«bP88Q~rcBcYjzzOhg1Hnn76Wm3jGgakZiZ.8vMgR»",),
        misses=("~~~8Q~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~",),
    ),
    Rule(
        kind="azure-storage-key",
        pattern=r"(?:AccountKey|SharedAccessKey)=([A-Za-z0-9+/]{43,88}={0,2})",
        after=r"[:alnum:]+/=",
        group=1,
        validator=token,
        hits=(
            "AccountName=x;AccountKey=«lJzRc1YdHuaA2KCNJJ1tkYwF/+mKK6Ygw0NGe170Xu592euJv2wYUtBlV8z+qnlcNQSnIYVTkLWntUO1F8j8rQ==»",
        ),
        misses=("AccountKey=abc",),
    ),
    Rule(
        kind="digitalocean-token",
        pattern=r"do[opr]_v1_[a-f0-9]{64}",
        validator=token,
        hits=("«dop_v1_0e564282731d095dc12d8b9941869444e1093981cde3eb3d934806d28508730a»",),
        misses=("dop_v1_0000000000000000000000000000000000000000000000000000000000000000",),
    ),
    Rule(
        kind="heroku-api-key",
        pattern=r"HRKU-AA[\w-]{58}|heroku[\w.-]{0,20}[\"']?\s{0,12}(?:=>|:=|=|:)\s{0,12}[\"']?"
        r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        after=r"[:alnum:]-",
        fold=True,
        sign=r"HRKU-AA|heroku",
        validator=lambda text: not example(text),
        hits=('«heroku_api_key = "832d2129-a846-4e27-99f4-7004b6ad53ef»"',),
        misses=("832d2129-a846-4e27-99f4-7004b6ad53ef",),
    ),
    Rule(
        kind="hashicorp-token",
        pattern=r"[a-z0-9]{14}\.(?:atlasv1)\.[a-z0-9_=-]{60,70}|hv[sb]\.[\w-]{90,300}|[sb]\.[a-z0-9]{24}",
        before=r"[:alnum:].-/",
        after=r"[:alnum:].-",
        fold=True,
        validator=lambda text: random(text, 3.5) and any(map(str.isdigit, text)) and not text[2:].isupper(),
        hits=("«s.7mK2pQ9xR4tY1wZ3vB8nL5cD»",),
        misses=("s.thisstringisalllowercase", "s.THISSTRINGISALLUPPERCAS3", "s.AcceptanceTimeoutSeconds"),
    ),
    Rule(
        kind="cloudflare-token",
        pattern=r"v1\.0-[a-f0-9]{24}-[a-f0-9]{146}|"
        r"(?:cloudflare|cf_)[\w.-]{0,20}(?:key|token|secret)[\w.-]{0,10}[\"']?\s{0,12}(?:=|:)\s{0,12}[\"']?"
        r"(?:[a-z0-9_-]{40}|[a-f0-9]{37})",
        after=r"[:alnum:]-",
        fold=True,
        validator=token,
        sign=r"v1\.0-[a-f0-9]{8}|cloudflare|cf_",
        hits=("«CLOUDFLARE_API_TOKEN=Xqz8PoEXnLwrWnfRVUWJuK5N796lK5muVlQG25fd»",),
        misses=("cloudflare token",),
    ),
    Rule(
        kind="databricks-token",
        pattern=r"dapi[a-f0-9]{32}(?:-\d)?",
        validator=token,
        hits=("«dapi1f2e3d4c5b6a79880f1e2d3c4b5a6978»",),
        misses=("dapi00000000000000000000000000000000",),
    ),
    Rule(
        kind="alibaba-access-key-id",
        pattern=r"LTAI[A-Za-z0-9]{20}",
        validator=token,
        hits=("«LTAI5tQnKxyzFG7hJkLm8PqR»",),
        misses=("LTAI5tQn",),
    ),
)
