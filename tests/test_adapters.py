"""Adapter folders: what is missing, damaged or made for something else is refused in words that say what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rilearn.adapters import (
    MANIFEST,
    WEIGHTS,
    Manifest,
    find_adapter,
    list_adapters,
    load_adapter,
    save_manifest,
    weights_digest,
)
from rilearn.errors import AdapterError
from rilearn.prompts import PROMPT_VERSION
from tests.tiny import ROOT

CONFIG = "adapter_config.json"


def make(root: Path, name: str, **fields: Any) -> Path:
    folder = root / name
    folder.mkdir(parents=True)
    (folder / WEIGHTS).write_bytes(b"weights of " + name.encode())
    (folder / CONFIG).write_text(json.dumps({"r": 1}))
    given = {"name": name, "kind": "direct", "base": "embedded", "prompt_version": PROMPT_VERSION, **fields}
    save_manifest(folder, Manifest.model_validate(given))
    return folder


def test_a_manifest_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    fields = {
        "task": "emotion",
        "chat": True,
        "recipe": {"training": {"lr": 1e-3}},
        "data": {"rows": 3, "dataset": "größer"},
        "parents": {"start_from": "abc"},
        "evaluation": {"validation": {"accuracy": 0.5}},
        "seconds": 1.5,
    }
    folder = make(tmp_path, "a", **fields)
    adapter = load_adapter(folder, "embedded")
    assert adapter.name == "a" and adapter.manifest.model_dump(include=set(fields)) == fields
    assert adapter.ref.path == folder and adapter.ref.digest == weights_digest(folder)
    assert not list(folder.glob(".*")) and "größer" in (folder / MANIFEST).read_text(encoding="utf-8")


@pytest.mark.parametrize("file", [MANIFEST, WEIGHTS, CONFIG])
def test_a_missing_file_is_named(file: str, tmp_path: Path) -> None:
    folder = make(tmp_path, "a")
    (folder / file).unlink()
    with pytest.raises(AdapterError, match=f"is no adapter: {file} is missing"):
        load_adapter(folder)


def test_another_base_names_both_and_the_setting(tmp_path: Path) -> None:
    folder = make(tmp_path, "a", base="org/name")
    with pytest.raises(AdapterError, match=r"belongs to base 'org/name', not 'embedded'.*RILEARN_BASE=org/name"):
        load_adapter(folder, "embedded")
    assert load_adapter(folder).manifest.base == "org/name"


def test_another_prompt_version_is_refused(tmp_path: Path) -> None:
    folder = make(tmp_path, "a", prompt_version="0")
    with pytest.raises(AdapterError, match=f"'a' was trained with prompt version 0.* version {PROMPT_VERSION}.*again"):
        load_adapter(folder, "embedded")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe\x00",
        b'{"name": "a"}',
        b'{"name": "a", "kind": "other", "base": "embedded", "prompt_version": "1"}',
        b'{"name": "a", "kind": "direct", "base": "embedded", "prompt_version": "1", "extra": 1}',
    ],
)
def test_a_damaged_manifest_is_told(content: bytes, tmp_path: Path) -> None:
    folder = make(tmp_path, "a")
    (folder / MANIFEST).write_bytes(content)
    with pytest.raises(AdapterError, match=r"manifest\.json cannot be read"):
        load_adapter(folder)


def test_the_digest_hangs_on_weights_and_configuration_alone(tmp_path: Path) -> None:
    folder = make(tmp_path, "a")
    before = weights_digest(folder)
    save_manifest(folder, load_adapter(folder).manifest.model_copy(update={"name": "b"}))
    assert weights_digest(folder) == before
    (folder / CONFIG).write_text(json.dumps({"r": 2}))
    second = weights_digest(folder)
    (folder / WEIGHTS).write_bytes(b"other")
    assert len({before, second, weights_digest(folder)}) == 3


def test_an_adapter_is_found_by_name_or_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "adapters"
    make(root, "q-a"), make(root, "q-ra"), make(tmp_path, "mine")
    assert find_adapter("q-a", root).name == "q-a"
    assert find_adapter(str(tmp_path / "mine"), root).name == "mine"
    monkeypatch.chdir(tmp_path)
    assert find_adapter("mine", root).name == find_adapter("./mine", root).name == "mine"
    with pytest.raises(AdapterError, match=r"no adapter 'q-b'\. Adapters in adapters/: q-a, q-ra\."):
        find_adapter("q-b", root)
    with pytest.raises(AdapterError, match="Adapters in empty/: none"):
        find_adapter("q-b", tmp_path / "empty")
    for odd in ("", "..", "."):
        with pytest.raises(AdapterError):
            find_adapter(odd, root)


def test_listing_gives_the_usable_ones_and_a_word_on_the_rest(tmp_path: Path) -> None:
    for name, fields in (("b", {}), ("a", {}), ("other", {"base": "org/name"}), ("old", {"prompt_version": "0"})):
        make(tmp_path, name, **fields)
    (make(tmp_path, "torn") / WEIGHTS).unlink()
    (tmp_path / "no-adapter").mkdir()
    (tmp_path / "file").write_text("x")
    good, bad = list_adapters(tmp_path, "embedded")
    assert [a.name for a in good] == ["a", "b"] and len(bad) == 3
    assert (
        sum("org/name" in m for m in bad) == sum("version 0" in m for m in bad) == sum("missing" in m for m in bad) == 1
    )
    assert [a.name for a in list_adapters(tmp_path)[0]] == ["a", "b", "other"]
    assert list_adapters(tmp_path / "none") == ([], [])


def test_the_adapters_that_ship_are_whole() -> None:
    good, bad = list_adapters(ROOT / "data" / "adapters", "embedded")
    assert not bad and {a.ref.path for a in good} == {p for p in (ROOT / "data" / "adapters").iterdir() if p.is_dir()}
    assert {a.manifest.kind for a in good} == {"generator", "direct", "reasoned"}
    for adapter in good:
        folder, manifest = adapter.ref.path, adapter.manifest
        assert (folder / WEIGHTS).stat().st_size < 10_000_000
        assert folder.name == manifest.name and (folder / "README.md").is_file()
        # What was the default once has its name with something behind it.
        assert manifest.name.startswith(manifest.recipe["name"]) and manifest.steps > 0 and manifest.seconds > 0
        assert manifest.command.startswith("python -m training.") and manifest.data["fingerprint"]
        assert not [p.name for p in folder.iterdir() if p.name.startswith("checkpoint")]
        assert bool(manifest.evaluation) == (manifest.kind != "generator")
        card = (folder / "README.md").read_text(encoding="utf-8")
        for split, result in manifest.evaluation.items():
            assert result["n"] == sum(map(sum, result["confusion"])) > 0 and 0 < result["accuracy"] <= 1
            assert result["adapter_sha256"] == adapter.ref.digest  # measured with these very weights
            assert f"{split} (n = {result['n']})" in card and f"{result['accuracy']:.4f}" in card
        text = (folder / MANIFEST).read_text() + (folder / CONFIG).read_text()
        assert "/work" not in text and "/home" not in text and "/tmp" not in text
