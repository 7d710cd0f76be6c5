"""Loading: a file in, a policy or every problem of it out."""

from pathlib import Path

import yaml
from pydantic import ValidationError

from extproc.policy.model import Policy
from extproc.policy.problems import PolicyError, Problem


def load(path: Path) -> Policy:
    """The policy in a file. Raises PolicyError."""
    return loads(path.read_text(encoding="utf-8"), str(path), path.parent)


def loads(text: str, name: str = "policy", folder: Path | None = None) -> Policy:
    """The policy in a text; `name` stands for it in errors, relative paths start at `folder`. Raises PolicyError."""
    try:
        return Policy.model_validate(yaml.safe_load(text), context={"folder": folder})
    except ValidationError as error:
        raise PolicyError(
            tuple(
                Problem(name, 1, 1, ".".join(map(str, e["loc"])), e["msg"], e.get("ctx", {}).get("mend", ""))
                for e in error.errors(include_url=False, include_input=False)
            )
        ) from None
