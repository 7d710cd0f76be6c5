import tomllib
from pathlib import Path

import pytest
from msgspec.structs import replace

import extproc.apis
from extproc.apis import Api, RegistrationError, current, normalise, register, registered
from extproc.apis.families import OPENAI
from extproc.apis.registry import BUILT_IN, Registry
from tests.apis.toy import FAMILY, TOY

SHARED = {"events", "families", "seals", "streams"}
"""Packages that are no API."""


def test_an_api_is_registered_for_the_time_of_a_block() -> None:
    before = current()
    with registered(TOY) as registry:
        assert current() is registry
        assert registry.named("toy.play") is TOY
        assert registry.families["toy"] is FAMILY
        assert before.named("toy.play") is None  # whoever has it keeps it
    assert current() is before


def test_the_registry_comes_back_after_an_error() -> None:
    before = current()
    with pytest.raises(RegistrationError), registered(TOY, TOY):
        pass
    assert current() is before


@pytest.mark.parametrize(
    ("api", "why"),
    [
        (Api(name="openai.chat"), "name"),
        (Api(name="mine", paths=("/V1/Chat/Completions",)), "path"),
        (Api(name="mine", family=replace(OPENAI)), "families"),
        (Api(name="mine", paths=("/x/{model}/{model}",)), "once"),
        (Api(name="mine", paths=("v1/x",)), "begin"),
        (Api(name="mine", paths=("/v1/x/",)), "spelling"),
        (Api(name="mine", paths=("/v1/x",), root="/v1/"), "root"),
    ],
)
def test_an_api_that_collides_or_can_claim_nothing_is_refused(api: Api, why: str) -> None:
    before = current()
    with pytest.raises(RegistrationError, match=why):
        register(api)
    assert current() is before


@pytest.mark.parametrize(
    ("raw", "model"),
    [
        (b"/toy/models/gpt-4o:Play", "gpt-4o"),
        (b"/TOY/Models/GPT-4o:PLAY?key=x", "GPT-4o"),
        (b"/toy/models/meta-llama%2FLlama-3:play", "meta-llama/Llama-3"),
        (b"/toy/models/a:b:play", "a:b"),
        (b"/toy/models/a%3ab%3Aplay", "a:b"),
    ],
)
def test_the_model_in_a_path_keeps_its_spelling(raw: bytes, model: str) -> None:
    with registered(TOY) as registry:
        claimed = registry.claim(normalise(raw))
        assert claimed is not None
        assert (claimed.api, claimed.model, claimed.path) == (TOY, model, f"/toy/models/{model}:Play")
        asked = TOY.read_request(b'{"stream":true}', claimed)
        assert (asked.model, asked.model_span, asked.stream) == (model, None, True)


@pytest.mark.parametrize("raw", [b"/toy/models/:play", b"/toy/models/x:play/y", b"/toy/models/x:plays", b"/toy/models"])
def test_a_path_without_a_model_is_not_claimed(raw: bytes) -> None:
    with registered(TOY) as registry:
        assert registry.claim(normalise(raw)) is None


@pytest.mark.parametrize(
    ("path", "prefixes", "claims"),
    [
        ("/toy/models/M:play", ("/v1", "", "/up/v1"), True),
        ("/up/v1/models/M:play", ("/v1", "", "/up/v1"), True),
        ("/Up/V1/models/M:play", ("/v1", "", "/up/v1"), True),
        ("/models/M:play", ("/v1", ""), True),
        ("/other/models/M:play", ("/v1", ""), False),
    ],
)
def test_a_backends_prefix_stands_for_the_root_of_any_api(path: str, prefixes: tuple[str, ...], claims: bool) -> None:
    with registered(TOY) as registry:
        claimed = registry.claim_below(path, prefixes)
        assert (claimed.model if claimed is not None else None) == ("M" if claims else None)


@pytest.mark.parametrize(
    ("model", "prefix", "target"),
    [
        ("m", "/up/v1", b"/up/v1/models/m:Play?a=1"),
        ("a/b c:d%", "", b"/models/a%2Fb%20c%3Ad%25:Play?a=1"),
        ("é", "/x/", b"/x/models/%C3%A9:Play?a=1"),
    ],
)
def test_the_model_that_goes_upstream_stands_in_the_path(model: str, prefix: str, target: bytes) -> None:
    with registered(TOY) as registry:
        claimed = registry.claim("/toy/models/asked:play")
        assert claimed is not None
        assert claimed.target(b"/toy/models/asked:play?a=1", prefix, model) == target


def test_no_lookup_changes_the_registry() -> None:
    registry = Registry(BUILT_IN)
    before = {name: getattr(registry, name) for name in Registry.__slots__}
    for path in ("/v1/chat/completions", "/toy", "/v1/models/x"):
        registry.claim(path)
        registry.claim_below(path, ("/v1", ""))
        registry.named(path)
        registry.family_of({path})
    assert {name: getattr(registry, name) for name in Registry.__slots__} == before


def test_every_package_of_an_api_is_in_the_independence_contract() -> None:
    root = Path(extproc.apis.__file__).parent
    packages = {f"extproc.apis.{each.parent.name}" for each in root.glob("*/__init__.py")}
    contracts = tomllib.loads((root.parents[1] / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (independent,) = [each["modules"] for each in contracts if each["name"].startswith("an API is a package")]
    assert set(independent) == packages - {f"extproc.apis.{name}" for name in SHARED}
    assert len(BUILT_IN) == len(independent)
