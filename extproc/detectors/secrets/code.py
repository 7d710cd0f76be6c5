"""Credentials of services that keep, build and publish code."""

from extproc.detectors.secrets.likelihood import random, token
from extproc.matching.rule import Rule

RULES = (
    Rule(
        kind="github-token",
        pattern=r"gh[opusr]_[A-Za-z0-9]{36,255}",
        validator=token,
        hits=("«ghp_m3JYUvLB5LMuUkCiVojADEq4xSyweNGcnFHR»", "«gho_vcmQrKEKLLUzcmM3fFHjnkTXEvhEGhCTM5VN»"),
        misses=("ghu_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "ghp_short"),
    ),
    Rule(
        kind="github-fine-grained-token",
        pattern=r"github_pat_\w{82}",
        validator=token,
        hits=("«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»",),
        misses=("github_pat_xxxxxxxxxxxxxxxxxxxxxx_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",),
    ),
    Rule(
        kind="gitlab-token",
        pattern=r"gl(?:pat|dt|rt|ft|soat|ffct)-[\w-]{20}|glimt-[\w-]{25}|glptt-[\w-]{40}|glagent-[\w-]{50}|gloas-[\w-]{64}|"
        r"glcbt-(?:[0-9a-f]{1,5}_)?[\w-]{20}|gl(?:pat|rt)-[\w-]{27,300}\.[0-9a-z]{2}\.?[0-9a-z]{7,9}|GR1348941[\w-]{20}",
        after=r"[:alnum:]-",
        validator=token,
        sign=r"gl(?:pat|dt|rt|ft|soat|ffct|imt|ptt|agent|oas|cbt)-|GR1348941",
        hits=("«glpat-ChY0-3W6JVq-9Eta0qwo»",),
        misses=("glpat-xxxxxxxxxxxxxxxxxxxx", "GR1348941XXXXXXXXXXXXXXXXXXXX"),
    ),
    Rule(
        kind="npm-token",
        pattern=r"npm_[A-Za-z0-9]{36}",
        validator=token,
        hits=("«npm_Hto9JyHmuhGzrlXSQfuurp4o0Kc6QwPAF84Q»",),
        misses=("npm_config_registry", "npm_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
    ),
    Rule(
        kind="pypi-token",
        pattern=r"pypi-AgE[\w-]{50,1000}",
        after=r"[:alnum:]-",
        validator=token,
        hits=(
            "«pypi-AgEIcHlwaS5vcmcBNknYBMpLGvuqf4UAGtJqn-FXhDQY6LPTKPZvBRN0oP-1jbcntJPvt6FPDrJxaI75FYJusm-HESdCqSU4»",
        ),
        misses=("pypi-AgEIcHlwaS5vcmc",),
    ),
    Rule(
        kind="rubygems-token",
        pattern=r"rubygems_[a-f0-9]{48}",
        validator=token,
        hits=("«rubygems_4f3c2b1a0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e»",),
        misses=("rubygems_home",),
    ),
    Rule(
        kind="docker-token",
        pattern=r"dckr_(?:pat|oat)_[\w-]{27,40}",
        after=r"[:alnum:]-",
        validator=token,
        sign=r"dckr_",
        hits=("«dckr_pat_J8kL2mN5pQ7rS9tU1vW3xY6zA4b»",),
        misses=("dckr_pat_short",),
    ),
    Rule(
        kind="atlassian-token",
        pattern=r"ATATT3[\w=-]{100,250}|AT[CB]TT3[\w=-]{80,250}",
        after=r"[:alnum:]=-",
        validator=token,
        hits=("«ATATT3xFfGF0" + "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0z" * 4 + "»",),
        misses=("ATATT3xFfGF0",),
    ),
    Rule(
        kind="sourcegraph-token",
        pattern=r"sgp_(?:[a-f0-9]{16}_|local_)?[a-f0-9]{40}",
        fold=True,
        validator=token,
        hits=("«sgp_f1e2d3c4b5a697881f2e3d4c5b6a798801234567»",),
        misses=("sgp_78Ad84a5B6e8A2fE5B_4085FB0ccaDDd29DB66Fd7FE9bA2C1cdCE8400CD",),
    ),
    Rule(
        kind="sonar-token",
        pattern=r"sq[upa]_[a-z0-9]{40}|sonar[\w.-]{0,20}(?:token|login)[\"']?\s{0,12}(?:=|:)\s{0,12}[\"']?[a-z0-9=_-]{40}",
        before="",
        fold=True,
        after=r"[:alnum:]-",
        validator=lambda text: random(text, 3.3),
        sign=r"sq[upa]_[a-z0-9]{4}|sonar",
        hits=(
            "«squ_a4f1c8e2b9d7063f5e1a2c4b8d6f7e9a0b3c5d1e»",
            "-D«sonar.login=5524bf449ca45fcace54698371466398321f3a82»",
        ),
        misses=("sonar.login=admin",),
    ),
    Rule(
        kind="artifactory-token",
        pattern=r"AKCp[A-Za-z0-9]{69}|cmVmd[A-Za-z0-9]{59}",
        validator=lambda text: random(text, 3.8),
        hits=("«AKCp" + "5dKz8mQ2rT7vXwYbN4cJ" * 3 + "h6GfL9pS1»",),
        misses=("AKCpXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",),
    ),
    Rule(
        kind="pulumi-token",
        pattern=r"pul-[a-f0-9]{40}",
        before=r"[:alnum:]-",
        after=r"[:alnum:]-",
        validator=token,
        hits=("«pul-683c2770662c51d960d72ec27613be7653c5cb26»",),
        misses=("vipul-f0eb1acf0da84c06a50c5b2c59932001997786b1",),
    ),
    Rule(
        kind="snyk-token",
        pattern=r"snyk[\w.-]{0,20}(?:key|token|oauth|secret)[\"']?\s{0,12}(?:[?:]{0,3}=|=>|:|,)\s{0,12}[\"']?"
        r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})",
        after=r"[:alnum:]-",
        fold=True,
        group=1,
        sign=r"snyk",
        hits=("SNYK_TOKEN: «12345678-abcd-4e5f-9012-3456789abcde»",),
        misses=("snyk 12345678-abcd-4e5f-9012-3456789abcde",),
    ),
    Rule(
        kind="openshift-token",
        pattern=r"sha256~[\w-]{43}",
        after=r"[:alnum:]-",
        validator=lambda text: random(text, 3.5),
        hits=("«sha256~nV5kQ8wR2tY7uI1oP4aS6dF9gH3jK0lZxC5vB8nM2qW»",),
        misses=("sha256~XXXXXXXXXX_PUT_YOUR_TOKEN_HERE_XXXXXXXXXXXX",),
    ),
)
