"""Settings of libraries of the extra `models`, which they read from the environment when they are imported."""

from collections.abc import MutableMapping
from typing import Final

QUIET: Final = {
    # numpy's OpenBLAS starts a thread for each further core, and onnxruntime one that sends what it does to its makers.
    # A template is forked, and a fork has no other thread: whoever waits for one waits for ever.
    "OPENBLAS_NUM_THREADS": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
"""The variables, whatever an operator has set: with other values a worker could hang, or data leave the machine."""


def quieten(environ: MutableMapping[str, str]) -> None:
    """Keep libraries from starting threads and from sending anything. Before any of them is imported."""
    environ.update(QUIET)
