"""Model providers."""

from extproc.detectors.secrets.likelihood import random, token
from extproc.matching.rule import Rule

RULES = (
    Rule(
        kind="openai-api-key",
        pattern=r"sk-(?:(?:proj|svcacct|admin|None)-)?[\w-]{20,160}T3BlbkFJ[\w-]{20,160}|sk-(?:proj|svcacct|admin)-[\w-]{40,200}|sk-[A-Za-z0-9]{48}",
        before=r"[:alnum:]-",
        after=r"[:alnum:]-",
        validator=token,
        sign=r"T3BlbkFJ|sk-(?:proj|svcacct|admin)-|sk-[A-Za-z0-9]{12}",
        hits=("«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»",),
        misses=("sk-learn", "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
    ),
    Rule(
        kind="anthropic-api-key",
        pattern=r"sk-ant-[a-z]{3,8}\d{2}-[\w-]{80,120}",
        before=r"[:alnum:]-",
        after=r"[:alnum:]-",
        validator=lambda text: random(text, 3.5),
        hits=(
            "«sk-ant-api03-4zpdb3S_x3AYrPzKoCpe2fnhBw8QGizpJ-k_f6mST6LmNk3WJRpUur64mz1Zat55_49oyMSfe5uC7zjCPQMr6nK04d3W0AA»",
        ),
        misses=("sk-ant-api03-short",),
    ),
    Rule(
        kind="huggingface-token",
        pattern=r"hf_[A-Za-z]{34}|api_org_[A-Za-z]{34}",
        validator=lambda text: random(text, 3.8),
        hits=("«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»", "`«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»`"),
        misses=("hf_DebugGetExpectedAverageCrystal", "hf_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
    ),
    Rule(
        kind="groq-api-key",
        pattern=r"gsk_[A-Za-z0-9]{52}",
        validator=token,
        hits=("«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»",),
        misses=("gsk_short",),
    ),
    Rule(
        kind="xai-api-key",
        pattern=r"xai-\w{70,90}",
        after=r"[:alnum:]-",
        validator=token,
        hits=("«xai-" + "T7kLmN2pQ9rS4tU6vW8xY1zA3bC5dE7fG9hJ2kL4" * 2 + "»",),
        misses=("xai-grok",),
    ),
    Rule(
        kind="replicate-api-token",
        pattern=r"r8_[A-Za-z0-9]{37,48}",
        validator=token,
        hits=("«r8_T7kLmN2pQ9rS4tU6vW8xY1zA3bC5dE7fG9hJ2»",),
        misses=("r8_short",),
    ),
    Rule(
        kind="perplexity-api-key",
        pattern=r"pplx-[A-Za-z0-9]{48}",
        after=r"[:alnum:]-",
        validator=token,
        hits=("«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»",),
        misses=("pplx-short",),
    ),
)
