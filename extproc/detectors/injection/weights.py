"""The learned scorer that ships with the package. `python -m scripts.train.injection` writes it."""

from functools import cache
from typing import Final

from extproc.classify.linear import LinearModel
from extproc.detectors.shipped import shipped

FILE: Final = "weights.bin"

SHA256: Final = "037a6a0a56ba8e5bc3146137690823e088cfaf47b35c2fa4d90d50e07416c5f4"
"""What the file is to be: another one is somebody else's."""


@cache
def model() -> LinearModel:
    """Return the model. Raises DetectorError if it is missing or is another one."""
    return shipped("extproc.detectors.injection", FILE, SHA256, LinearModel.load)
