"""The stronger scorer, of the extra `models`: MiniLM in eight bits, read from the wheel `stackone-defender`.

Of the wheel only two files are read, whose hashes stand here; no code of it runs. A small logistic model joins what it
says with what the words say: each knows attacks that the other does not.
"""

import hashlib
import math
from functools import cache
from importlib import import_module
from importlib.machinery import SourceFileLoader
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from extproc.classify.linear import logistic
from extproc.detectors.contract import DetectorError

WHEEL: Final = "stackone_defender"
FOLDER: Final = "models/minilm-multihead-v5"

FILES: Final = {
    "model_quantized.onnx": "3d4a1ba798c395c140202992c50e6c8de02fb1b9bd5aba6540848705b9c1e92c",
    "tokenizer.json": "0d3aef594edd5f9b53e7f814277a9171dc70ff93eb66bda6e01f7aa53997d963",
}
"""The files, and the SHA-256 of each."""

TOKENS_MAX: Final = 254
"""Tokens of a window, without those of its ends: what the model was trained on. 120 words have 160 in most texts."""

CODE_POINTS_MAX: Final = 4_000
"""Code points of a window that are made tokens. A "word" may be as long as the text."""

MAIN, AUXILIARY, WORDS, OFFSET = 0.2773, -0.0516, 0.5918, 0.2318
"""The logistic model: weights of the two outputs and of the words' log-odds. `scripts/train/joined.py` fits it."""

MISSING: Final = "the scorer minilm needs the extra `models`"
MEND: Final = "pip install 'envoy-extproc[models]', or use `scorer: words`"


class MiniLM:
    """Scores windows, in several threads at once: a run holds no lock of the interpreter."""

    def __init__(self, session: Any, tokenizer: Any, array: Any) -> None:
        self._run = session.run
        self._encode = tokenizer.encode
        self._array = array

    def outputs(self, text: str) -> tuple[float, float]:
        """Return the log-odds of an attack, and the auxiliary output."""
        sound = text[:CODE_POINTS_MAX].encode("utf-8", "replace").decode()  # no half of a surrogate pair
        found = self._encode(sound).ids
        ids = [found[0], *found[1:-1][:TOKENS_MAX], found[-1]]
        given = {"input_ids": self._array([ids]), "attention_mask": self._array([[1] * len(ids)])}
        (main, auxiliary) = self._run(None, given)[0][0]
        return float(main), float(auxiliary)

    def score(self, text: str, words: float) -> float:
        """Return the score of a window whose words have a score."""
        main, auxiliary = self.outputs(text)
        bounded = min(max(words, 1e-6), 1 - 1e-6)
        odds = math.log(bounded / (1 - bounded))
        return logistic(MAIN * main + AUXILIARY * auxiliary + WORDS * odds + OFFSET)

    def __repr__(self) -> str:
        return "MiniLM()"


@cache
def loaded() -> MiniLM:
    """Return the model, which a process loads once. Raises DetectorError, with what is missing."""
    try:
        runtime, tokenizers, numpy = map(import_module, ("onnxruntime", "tokenizers", "numpy"))
    except ImportError as error:
        raise DetectorError(f"{MISSING}: there is no module {error.name}; {MEND}") from None
    model, tokens = (_read(name) for name in FILES)
    options = runtime.SessionOptions()
    # One thread: others would not exist in a forked worker, and two sessions share two cores as they are.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    tokenizer = tokenizers.Tokenizer.from_buffer(tokens)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return MiniLM(session, tokenizer, lambda rows: numpy.array(rows, dtype=numpy.int64))


def _read(name: str) -> bytes:
    """The bytes of a file of the wheel. Raises DetectorError."""
    spec = find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise DetectorError(f"{MISSING}: {WHEEL} is not installed; {MEND}")
    try:
        # As `pkgutil.get_data` reads it, without importing the package: nothing of its code is wanted.
        data = SourceFileLoader(WHEEL, "").get_data(str(Path(spec.submodule_search_locations[0]) / FOLDER / name))
    except OSError:
        raise DetectorError(f"{MISSING}: {WHEEL} has no {name}; {MEND}") from None
    if hashlib.sha256(data).hexdigest() != FILES[name]:
        raise DetectorError(f"{name} of {WHEEL} is not what this version knows; install requirements/models.txt")
    return data
