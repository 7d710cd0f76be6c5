"""The public price list: asked only by a policy that wants it, for the URLs of providers, at the time that it is."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from extproc.policy import drafted, loads
from extproc.server.price_list import listed_price, listed_prices
from extproc.transaction.prepared import prepare
from tests.gathered import gathered

NOW = 1_796_000_000.0
AT = datetime.fromtimestamp(NOW, UTC)
OPENAI = "https://api.openai.com/v1"
POLICY = """\
version: 1
backends:
  - {name: openai, url: "https://api.openai.com/v1", api: openai, models: [{name: gpt-4o, input_usd_per_mtok: 77}]}
  - {name: proxy, url: "https://llm.example/v1", api: openai}
models:
  - name: chat
    targets: [{backend: openai, model: gpt-4o-mini}, {backend: proxy, model: gpt-4o-mini}]
    fallback: [{backend: openai, model: gpt-4o}]
"""


def test_prices_are_those_of_the_provider_at_the_url() -> None:
    found = listed_price(OPENAI, "gpt-4o-mini", AT)
    assert found is not None
    assert (found.input_usd_per_mtok, found.output_usd_per_mtok, found.cached_input_usd_per_mtok) == (0.15, 0.6, 0.075)
    assert found.context_tokens == 128_000


@gathered(
    ("url", "model"),
    [
        ("http://127.0.0.1:9001/v1", "gpt-4o-mini"),
        ("https://llm.example/v1?x=https://api.openai.com/v1", "gpt-4o-mini"),
        (OPENAI, "our-own-model"),
        (OPENAI, ""),
    ],
)
def test_another_url_or_model_has_no_price(url: str, model: str) -> None:
    assert listed_price(url, model, AT) is None


def test_a_model_that_is_not_paid_by_tokens_has_no_price_and_one_of_embeddings_has_no_output() -> None:
    assert listed_price(OPENAI, "whisper-1", AT) is None
    embeddings = listed_price(OPENAI, "text-embedding-3-small", AT)
    assert embeddings is not None
    assert (embeddings.input_usd_per_mtok, embeddings.output_usd_per_mtok) == (0.02, 0.0)


def test_tiers_are_taken_over() -> None:
    found = listed_price("https://generativelanguage.googleapis.com/v1beta/openai", "gemini-2.5-pro", AT)
    assert found is not None
    assert found.tiers
    below, above = (found.cost(tokens, 0) for tokens in (found.tiers[0].above, found.tiers[0].above + 1))
    assert below is not None
    assert above is not None
    assert above > below * 1.5


def test_prices_of_input_written_to_caches_and_of_audio_are_taken_over() -> None:
    claude = listed_price("https://api.anthropic.com/v1", "claude-sonnet-4-5", AT)
    assert claude is not None
    assert (claude.input_usd_per_mtok, claude.cache_creation_input_usd_per_mtok) == (3, 3.75)
    assert claude.tiers[0].cache_creation_input_usd_per_mtok == 7.5
    realtime = listed_price(OPENAI, "gpt-realtime", AT)
    assert realtime is not None
    assert (realtime.input_audio_usd_per_mtok, realtime.output_audio_usd_per_mtok) == (32, 64)


@pytest.mark.parametrize(
    ("section", "priced"),
    [("", None), ("prices: {public: false}", None), ("prices: {}", {"openai": ["gpt-4o", "gpt-4o-mini"]})],
)
def test_only_a_policy_that_wants_it_has_the_list_read_for_its_own_models(
    section: str, priced: dict[str, list[str]] | None
) -> None:
    found = listed_prices(loads(POLICY + section), NOW)
    read = None if found is None else {name: sorted(each) for name, each in msgspec.json.decode(found).items()}
    assert read == priced


def test_a_prepared_policy_has_its_own_prices_before_those_of_the_list(tmp_path: Path) -> None:
    draft = drafted(POLICY + "prices: {}", "p.yaml", tmp_path)
    prices = prepare(draft, None, lambda *_: b"", prices=lambda policy: listed_prices(policy, NOW)).plan.prices
    own, listed, other = (prices.of(*key) for key in (("openai", "gpt-4o"), ("openai", "gpt-4o-mini"), ("proxy", "x")))
    assert own is not None
    assert own.input_usd_per_mtok == 77
    assert listed is not None
    assert listed.input_usd_per_mtok == 0.15
    assert other is None


def test_a_policy_that_asks_for_no_prices_does_not_load_the_list() -> None:
    program = (
        "import sys\nfrom extproc.policy import loads\nfrom extproc.server.price_list import listed_prices\n"
        f"assert listed_prices(loads({POLICY!r}), 0.0) is None\nassert 'genai_prices' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
