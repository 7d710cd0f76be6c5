from pathlib import Path

from extproc.policy import drafted
from extproc.policy.base import Value
from extproc.policy.prose import EXAMPLE
from extproc.policy.reference import SECTIONS, descriptions, markdown

PAGE = Path(__file__).parents[2] / "docs" / "policy.md"


def test_the_page_is_what_the_models_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(), "run scripts/docs"


def test_every_field_of_every_model_is_described() -> None:
    models = {model for models in SECTIONS.values() for model in models}
    ours = {model for model in _below(Value) if model.__module__.startswith("extproc.")}  # not what tests plug in
    assert models == ours
    page = markdown()
    for model in models:
        described = descriptions(model)
        for name in model.model_fields:
            assert name in described or _described_above(model, name), f"{model.__name__}.{name}"
            assert f"| `{model.model_fields[name].alias or name}` |" in page


def test_the_example_is_a_policy_that_nothing_is_to_be_said_about() -> None:
    assert drafted(EXAMPLE).loaded().notes == ()


def _described_above(model: type[Value], name: str) -> bool:
    above = [base for base in model.__mro__[1:] if issubclass(base, Value) and name in base.model_fields]
    return any(name in descriptions(base) for base in above)


def _below(model: type[Value]) -> set[type[Value]]:
    found = set(model.__subclasses__())
    return found.union(*(_below(child) for child in found)) if found else found
