"""Paths of files that the policy names."""

from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, ValidationInfo

from extproc.policy.base import Written, refusal

PATH_MAX: Final = 4096
"""PATH_MAX of Linux."""


def _path(value: Any, info: ValidationInfo) -> Any:
    """A path; a relative one starts at the policy file's folder, wherever the processor is started."""
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value.isprintable() or not 1 <= len(value) <= PATH_MAX:
        raise refusal("this is not the path of a file", "write it like /run/secrets/openai")
    folder = (info.context or {}).get("folder")
    return Path(value) if folder is None else Path(folder, value)


FilePath = Annotated[Path, BeforeValidator(_path), Written("path", "/run/secrets/openai")]
"""The path of a file, whole or starting at the policy file's folder."""
