"""Models that ship with the package, each loaded once by a process, and known by its hash."""

import pkgutil
from collections.abc import Callable
from typing import TypeVar

from extproc.classify.linear import ModelError
from extproc.detectors.contract import DetectorError

T = TypeVar("T")


def shipped(package: str, file: str, sha256: str, load: Callable[[bytes, str], T]) -> T:
    """Return the model in a file beside the modules of a package.

    Raises:
        DetectorError: it is missing, or it is another one.
    """
    try:
        data = pkgutil.get_data(package, file)
    except OSError:
        data = None
    if data is None:
        raise DetectorError(f"the model {file} of {package} is missing: install this package anew")
    try:
        return load(data, sha256)
    except ModelError as error:
        raise DetectorError(f"{error}: install this package anew") from None
