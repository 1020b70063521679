"""What is particular to one engine: characters in pieces, the registry, words for a server's faults, agreement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rilearn.adapters import load_adapter
from rilearn.corpora import load_rows
from rilearn.engines import default_engine, load_engine
from rilearn.engines.base import StopScanner
from rilearn.engines.remote import RemoteEngine
from rilearn.engines.scripted import ScriptedEngine
from rilearn.errors import ConfigError, EngineError
from rilearn.prompts import Templates
from rilearn.records import AdapterRef, Prompt, Sampling
from rilearn.settings import Settings
from rilearn.tasks import load_task
from tests.engines.fake_server import MODEL, serve

ROOT = Path(__file__).resolve().parents[2]


def test_a_character_in_pieces_is_never_shown_broken() -> None:
    engine = ScriptedEngine(completions={"p": "día 😀 日本"})
    chunks = [c.text for c in engine.stream(Prompt("p"), Sampling(max_tokens=50))]
    assert "".join(chunks) == "día 😀 日本" and "\ufffd" not in "".join(chunks)
    cut = "".join(c.text for c in engine.stream(Prompt("p"), Sampling(max_tokens=7)))
    assert cut == "día "  # the emoji's first bytes alone are not shown


def test_transformers_shows_whole_characters(tiny_folder: Path) -> None:
    """The tokenizer's tokens for an emoji are single bytes: feed them one by one."""
    from rilearn.engines.decoding import Batch
    from rilearn.engines.transformers import TransformersEngine

    engine = TransformersEngine(str(tiny_folder), "tiny")
    batch = Batch(engine, [Prompt("x")], [0], Sampling(max_tokens=50))
    shown = []
    for token in engine.tokenizer("ok 😀 日!", add_special_tokens=False).input_ids:
        batch._take(batch.rows[0], token)
        shown.append(batch.rows[0].shown)
    assert shown[-1] == "ok 😀 日!" and not any("\ufffd" in s for s in shown)


def test_the_scanner_holds_back_only_what_may_become_a_stop() -> None:
    scanner = StopScanner(["\nEmotion:", "END"])
    assert [scanner.push(p) for p in ("a\n", "Em", "x", "E", "N")] == ["a", "", "\nEmx", "", ""]
    assert scanner.flush() == "EN" and not scanner.stopped


def test_the_fake_is_never_served() -> None:
    with pytest.raises(ConfigError, match="llamacpp, remote, transformers"):
        load_engine("scripted", "embedded", Settings().cache_dir)
    assert load_engine("scripted", "embedded", Settings().cache_dir, allow_fake=True).name == "scripted"
    assert default_engine("embedded") == "llamacpp" and default_engine("org/model") == "transformers"


def test_a_server_that_is_not_there_or_has_no_such_model_is_told() -> None:
    with serve(ScriptedEngine()) as (url, seen):
        with pytest.raises(EngineError, match="no model 'other'"):
            RemoteEngine(url, "other").generate([Prompt("a")], Sampling())
        with pytest.raises(EngineError, match="--lora-modules"):
            RemoteEngine(url, MODEL).generate([Prompt("a")], Sampling(), AdapterRef(Path("x"), "d"))
        RemoteEngine(url, MODEL).generate([Prompt("hi", "Reasoning:", chat=True)], Sampling(max_tokens=2))
        assert seen[-1]["messages"][-1] == {"role": "assistant", "content": "Reasoning:"}
        assert seen[-1]["continue_final_message"] is True
    lost = RemoteEngine("http://127.0.0.1:9/v1", MODEL)
    lost._client = lost._client.with_options(max_retries=0)
    with pytest.raises(EngineError, match="No server answers"):
        lost.generate([Prompt("a")], Sampling())


@pytest.mark.model
def test_transformers_and_llama_cpp_agree_on_the_label() -> None:
    """Same base, same adapter, 200 texts: at least 98 % the same label; and what the adapter adds to the scores of the
    bare base is the same, up to the rounding of llama.cpp's eight-bit activations."""
    templates = Templates(load_task("emotion"))
    adapter = load_adapter(ROOT / "data" / "adapters" / "q-a").ref
    folder = str(ROOT / "data" / "demo" / "emotion")
    texts: list[str] = [*load_rows(folder, "train")["text"], *load_rows(folder, "validation")["text"]][:200]
    answers: list[list[int]] = []
    added: list[Any] = []
    for name in ("transformers", "llamacpp"):
        engine: Any = load_engine(name, "embedded", Settings().cache_dir, preload=[adapter])
        scores = engine.score([templates.direct(t) for t in texts], templates.choices(), adapter)
        answers.append([row.index(max(row)) for row in scores])
        bare = engine.score([templates.direct(t) for t in texts[:24]], templates.choices())
        added.append(np.array(scores[:24]) - np.array(bare))
        engine.close()
    same = sum(a == b for a, b in zip(*answers, strict=True))
    assert len(texts) == 200 and same >= 196
    assert np.abs(added[0]).mean() > 1  # the adapter does something
    assert np.abs(added[0] - added[1]).mean() < 0.1 * np.abs(added[0]).mean()
    assert np.corrcoef(added[0].ravel(), added[1].ravel())[0, 1] > 0.99
