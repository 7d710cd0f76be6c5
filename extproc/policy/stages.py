"""Answer stages of plug-ins, as the policy's checker needs to know them: names, and models of their options.

How each is opened stands above, in `extproc.pipe`.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args

from msgspec import Struct
from pydantic import PlainValidator, SerializeAsAny, ValidationError, ValidationInfo
from pydantic_core import InitErrorDetails
from pydantic_core.core_schema import ErrorType

from extproc.policy.base import Value, Written, meant, refusal, refusals

STAGES_MAX: Final = 16
"""Answer stages of a policy: each takes every event of every response in its turn."""

_STANDARD: Final = frozenset(get_args(ErrorType))
"""Types of errors that pydantic itself knows; a plug-in may have others."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}", re.ASCII)


class StageError(ValueError):
    """A declaration of an answer stage is wrong: the plug-in's mistake, reported before any request."""


class StageOptions(Value):
    """A stage of a plug-in that responses pass: it may change, add, hold back or drop events.

    It has options of its own, which its plug-in documents. They stand beside these. Stages take the responses to
    requests of a known API, with or without a pipeline: event streams, and JSON up to `body_limit` (2MiB without a
    pipeline). They come before the pipeline's processors, so that these inspect what a stage adds.
    """

    use: Annotated[str, Written("name of an answer stage", "disclaimer")]
    """The name of the stage."""
    on_failure: Literal["block", "allow"] = "block"
    """The reaction if the stage fails, or if the response cannot pass it: it is too large, or its encoding or charset
    is not known. `block` ends the response, `allow` lets the events pass from there on as they came."""


class StageDeclaration(Struct, frozen=True, kw_only=True):
    """A stage as the policy knows it. `options` validates what the operator writes. Raises StageError."""

    name: str
    options: type[StageOptions] = StageOptions

    def __post_init__(self) -> None:
        """Refuse what no policy could name."""
        if _NAME.fullmatch(self.name) is None:
            raise StageError(f"{self.name[:64]!r} cannot be the name of an answer stage: write it like add-notice")
        if not issubclass(self.options, StageOptions):
            raise StageError(f"the options of the answer stage {self.name} are no subclass of StageOptions")


_NONE: Final[Mapping[str, StageDeclaration]] = MappingProxyType({})
_declared: Mapping[str, StageDeclaration] = _NONE


def declared() -> Mapping[str, StageDeclaration]:
    """Return the stages of this process, by name. A compiled policy keeps those that it was compiled with."""
    return _declared


def declare(stage: StageDeclaration) -> None:
    """Add a stage. Raises StageError if another has its name."""
    global _declared
    if stage.name in _declared:
        raise StageError(f"there are two answer stages with the name {stage.name}")
    _declared = MappingProxyType({**_declared, stage.name: stage})


@contextmanager
def declaring(*stages: StageDeclaration) -> Iterator[None]:
    """Add stages for the length of a `with` block."""
    global _declared
    before = _declared
    try:
        for stage in stages:
            declare(stage)
        yield
    finally:
        _declared = before


def _used(value: Any, info: ValidationInfo) -> StageOptions:
    """Return what is written for a stage as a value of its own model."""
    if isinstance(value, StageOptions):
        return value
    if not isinstance(value, dict):
        raise refusal("an answer stage is a mapping", "write it like {use: NAME}")
    use = value.get("use")
    stage = _declared.get(use) if isinstance(use, str) else None
    if stage is not None:
        try:
            return stage.options.model_validate(value, context=info.context)
        except ValidationError as error:
            raise _told(error, stage.options) from None
        except Exception:  # noqa: BLE001  - a plug-in's own mistake, and what it says may quote a credential
            mistake = refusal(f"the answer stage {use} cannot check its options", "report it to the plug-in's author")
            raise mistake from None
    if "use" not in value:
        raise refusal("an answer stage says what it uses", "add `use:` with the name of a stage")
    fix = meant(use, _declared) if isinstance(use, str) and _declared else "install the plug-in that has it"
    raise refusals("StageOptions", [(("use",), refusal("there is no such answer stage", fix))])


def _told(error: ValidationError, options: type[StageOptions]) -> ValidationError:
    """Return the same error, with the fields of the plug-in's own model named for one that it does not have."""
    details: list[InitErrorDetails] = []
    for each in error.errors(include_url=False):
        told = InitErrorDetails(type=each["type"], loc=each["loc"], input=each["input"], ctx=each.get("ctx", {}))
        if each["type"] == "extra_forbidden" and len(each["loc"]) == 1:
            name = str(each["loc"][0])
            told["type"] = refusal(f"there is no field {name[:64]} here", meant(name, options.model_fields))
        elif each["type"] == "refused":
            context = each.get("ctx", {})
            told["type"] = refusal(context["problem"], context["mend"])
        elif each["type"] not in _STANDARD:
            told["type"] = refusal(f"this is not valid: {each['msg']}", f"see the documentation of {options.__name__}")
        details.append(told)
    return ValidationError.from_exception_data("StageOptions", details, hide_input=True)


UsedStage: TypeAlias = Annotated[SerializeAsAny[StageOptions], PlainValidator(_used)]
"""An answer stage, told apart by `use`."""
