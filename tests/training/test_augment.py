"""Augment: every row once whatever happens, the best candidate kept or the row dropped, counts that add up."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from rilearn.adapters import load_adapter
from rilearn.engines.scripted import ScriptedEngine
from rilearn.errors import ConfigError, EngineError
from rilearn.prompts import Templates
from rilearn.records import AdapterRef, Generation, Prompt, Sampling
from rilearn.signals import content_words, words
from rilearn.tasks import load_task
from tests.engines.fake_server import MODEL, serve
from tests.tiny import ROOT, build_adapter
from training import augment
from training.augment import Writer, read_rows, shard_of
from training.candidates import fault, measure, quality
from training.data import read_reasonings, task_rows
from training.recipes import AugmentRecipe

ROWS, BATCH, CANDIDATES = 22, 4, 3


class Fake:
    """Writes from the prompt alone: the n-th continuation of a prompt is good, short, cut, a repeat or off the point.

    `dies` makes it fail on the call of that number; the judge's scores come from a hash of text and reasoning.
    """

    name, base = "fake", "embedded"

    def __init__(self, dies: int | None = None):
        self.dies = dies
        self.calls = 0
        self.asked: list[str] = []
        self.judged: list[str] = []

    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling, adapter: AdapterRef | None = None, progress: Any = None
    ) -> list[Generation]:
        self.calls += 1
        if self.calls == self.dies:
            raise RuntimeError("the power went")
        assert sampling.stop == ("\n",) and adapter is not None
        seen: Counter[str] = Counter()
        written = []
        for prompt in prompts:
            self.asked.append(prompt.text)
            question = prompt.text.split('"')[1]
            found = sorted(w for w in words(question) if content_words(w)) or ["nothing"]
            kind = (number(question) + seen[prompt.text]) % 5
            seen[prompt.text] += 1
            text = {
                0: f" The words {found[0]} and {found[-1]} say it on their own",
                1: " No",
                2: f" It goes on about {found[0]} and",
                3: f" {found[0]} is what tells it here",
                4: " over and out over and out over and out",
            }[kind]
            written.append(Generation(text, len(text.split()), "length" if kind == 2 else "stop"))
        return written

    def score(
        self, prompts: Sequence[Prompt], choices: Sequence[str], adapter: AdapterRef | None = None
    ) -> list[list[float]]:
        self.judged += [p.text for p in prompts]
        return [[-(number(f"{p.text}{c}") % 40) / 10 for c in choices] for p in prompts]


def number(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)


@pytest.fixture(scope="module")
def generator(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_adapter(tmp_path_factory.mktemp("g") / "generator", tiny_base, "generator", None)


@pytest.fixture
def recipe(tmp_path: Path, generator: Path, tiny_base: Path) -> Path:
    path = tmp_path / "augment.yaml"
    values = {
        "kind": "augment",
        "name": "test",
        "base": str(tiny_base),
        "data": {"id": str(ROOT / "data/demo/emotion"), "limit": ROWS},
        "generator": str(generator),
        "candidates": CANDIDATES,
        "batch": BATCH,
        "min_words": 3,
        "min_lead": 0.15,
        "openings": ["", "Here"],
    }
    path.write_text(yaml.safe_dump(values))
    return path


Run = Callable[..., Path]


@pytest.fixture
def run(recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run(name, engine, *words)` runs the stage into a folder of that name with that engine behind it."""

    def started(name: str, engine: Fake, *more: str) -> Path:
        def make(found: AugmentRecipe) -> Writer:
            assert found.generator
            return Writer(found, engine, engine, load_adapter(Path(found.generator)))  # type: ignore[arg-type]

        monkeypatch.setattr(augment, "make_writer", make)
        augment.main(["--recipe", str(recipe), "--out", str(tmp_path / name), *more])
        return tmp_path / name

    return started


def read(folder: Path, suffix: str = "") -> list[dict[str, Any]]:
    return read_rows(folder / f"reasonings{suffix}.parquet")


def report(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return found


def test_every_row_has_all_candidates_and_at_most_one_kept(run: Run, recipe: Path) -> None:
    engine = Fake()
    rows = read(run("whole", engine))
    assert len(rows) == ROWS * CANDIDATES and engine.calls == math.ceil(ROWS / BATCH)
    values = AugmentRecipe.model_validate(yaml.safe_load(recipe.read_text()))
    task = load_task("emotion")
    examples, _ = task_rows(task, values.data, values.seed)
    for number_, example in enumerate(examples):
        mine = [r for r in rows if r["row"] == number_]
        assert [r["candidate"] for r in mine] == list(range(CANDIDATES))
        assert {(r["text"], r["label"]) for r in mine} == {(example.text, example.label)}
        assert all(r["reasoning"].startswith("Here") == bool(number_ % 2) for r in mine)  # openings take turns
        again = [measure(example, r["reasoning"], r["finish"], r["tokens"], task.labels) for r in mine]
        kept = [r for r in mine if r["kept"]]
        passing = [i for i, c in enumerate(again) if fault(c, values) is None]
        judged = [r for r in mine if r["lead"] is not None]
        assert len(kept) <= 1 and {r["candidate"] for r in judged} <= set(passing)
        if kept:
            assert kept[0]["fault"] is None and kept[0]["lead"] >= values.min_lead
            better = [i for i in passing if quality(again[i]) > quality(again[kept[0]["candidate"]])]
            assert all(mine[i]["fault"] == "misleads" or again[i].reasoning == kept[0]["reasoning"] for i in better)
        else:  # nothing passed, or the judge turned down all that did
            assert {mine[i]["reasoning"] for i in passing} == {r["reasoning"] for r in mine if r["fault"] == "misleads"}
    assert {r["model"] for r in rows} == {load_adapter(Path(values.generator or "")).ref.digest}


def test_the_counts_add_up(run: Run) -> None:
    folder = run("whole", Fake())
    rows, facts = read(folder), report(folder)
    kept = [r for r in rows if r["kept"]]
    assert (facts["rows"], facts["candidates"]) == (ROWS, ROWS * CANDIDATES)
    assert facts["kept"] == len(kept) and facts["dropped_rows"] == ROWS - len(kept)
    assert facts["faults"] == dict(Counter(r["fault"] for r in rows if r["fault"]))
    assert {"too_short", "unfinished", "repetitive"} <= set(facts["faults"])
    assert sum(facts["kept_by_label"].values()) == len(kept)
    assert facts["kept_distinct"] == pytest.approx(len({r["reasoning"] for r in kept}) / len(kept), abs=1e-4)
    assert facts["kept_grounded"] == pytest.approx(sum(r["grounding"] > 0 for r in kept) / len(kept), abs=1e-4)
    assert facts["kept_mean_words"] == pytest.approx(sum(r["words"] for r in kept) / len(kept), abs=1e-2)
    assert facts["recipe"]["candidates"] == CANDIDATES and facts["prompt_version"]
    chosen = read_reasonings(folder / "reasonings.parquet")
    assert sum(map(len, chosen.values())) == len(kept)


@pytest.mark.parametrize("dies", [1, 3, 6])
def test_a_run_that_died_goes_on_and_loses_nothing(dies: int, run: Run) -> None:
    whole = read(run("whole", Fake()))
    with pytest.raises(RuntimeError):
        run("broken", Fake(dies))
    second = Fake()
    folder = run("broken", second)
    assert read(folder) == whole
    assert second.calls == math.ceil(ROWS / BATCH) - (dies - 1)  # nothing was written twice
    third = Fake()
    assert read(run("broken", third)) == whole and third.calls == 0


def test_a_kill_while_a_part_is_written_leaves_no_half_part(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read(run("whole", Fake()))
    original, count = augment.os.replace, Counter[str]()

    def die(source: Any, target: Any) -> None:
        count["calls"] += str(target).endswith(".parquet")
        if count["calls"] == 2:
            raise KeyboardInterrupt
        original(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(augment.os, "replace", die)
        with pytest.raises(KeyboardInterrupt):
            run("broken", Fake())
    assert read(run("broken", Fake())) == whole


def test_shards_part_the_rows_and_together_are_the_whole(run: Run) -> None:
    whole = read(run("whole", Fake()))
    for i in (1, 2, 3):
        folder = run("shards", Fake(), "--shard", f"{i}/3")
    parts = [read(folder, f"-{i}-of-3") for i in (1, 2, 3)]
    assert [sorted({r["row"] for r in part}) for part in parts] == [list(range(i, ROWS, 3)) for i in range(3)]
    together = sorted((r for part in parts for r in part), key=lambda r: (r["row"], r["candidate"]))
    assert together == whole
    whole_reasonings = {(r["text"], r["label"]): [r["reasoning"]] for r in whole if r["kept"]}
    assert read_reasonings(folder) == whole_reasonings  # the folder of shards reads as one


def test_more_shards_than_rows_leave_some_empty(run: Run, tmp_path: Path) -> None:
    folder = run("few", Fake(), "--set", "data.limit=2", "--shard", "3/3")
    assert read(folder, "-3-of-3") == [] and read_reasonings(folder) == {}


@pytest.mark.parametrize("change", ["seed=1", "candidates=2", "data.limit=9", "min_lead=0.9"])
def test_parts_of_another_recipe_are_refused(change: str, run: Run) -> None:
    run("mine", Fake(), "--set", "data.limit=8")
    with pytest.raises(ConfigError, match="another recipe or dataset"):
        run("mine", Fake(), "--set", "data.limit=8", "--set", change)


@pytest.mark.parametrize("value", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2", "1/2/3", ""])
def test_a_bad_shard_is_told(value: str) -> None:
    with pytest.raises(ConfigError, match="--shard"):
        shard_of(value)
    assert shard_of("2/4") == (2, 4)


def test_a_generator_is_needed(tmp_path: Path) -> None:
    recipe = AugmentRecipe(kind="augment", name="x")
    with pytest.raises(ConfigError, match="generator"):
        augment.make_writer(recipe)
    with pytest.raises(ConfigError, match="remote_url"):
        augment.make_writer(recipe.model_copy(update={"engine": "remote"}))


def test_the_tiny_model_writes_through_make_writer(recipe: Path, tmp_path: Path) -> None:
    """No fake: adapter, engine and judge as a real run makes them, and twice the same."""
    words_ = ["--set", "data.limit=4", "--set", "max_tokens=8", "--set", "allow_restatement=true"]
    for name in ("one", "two"):
        augment.main(["--recipe", str(recipe), "--out", str(tmp_path / name), *words_])
    one, two = read(tmp_path / "one"), read(tmp_path / "two")
    assert len(one) == 4 * CANDIDATES and one == two
    assert len({r["reasoning"] for r in one}) > 4


def test_a_remote_server_writes_the_candidates(recipe: Path, tmp_path: Path) -> None:
    changes = ["engine=remote", f"remote_model={MODEL}", "generator=null", "min_lead=0", "max_tokens=40", "min_words=1"]
    task = load_task("emotion")
    with serve(ScriptedEngine()) as (url, seen):
        words_ = [w for c in [*changes, f"remote_url={url}"] for w in ("--set", c)]
        augment.main(["--recipe", str(recipe), "--out", str(tmp_path / "out"), *words_])
    rows = read(tmp_path / "out")
    assert len(rows) == len(seen) == ROWS * CANDIDATES and report(tmp_path / "out")["generator"] == f"remote:{MODEL}"
    assert {r["model"] for r in rows} == {f"remote:{MODEL}"}
    asked = {body["messages"][0]["content"] for body in seen}
    assert asked == {Templates(task, True).task_rationale(r["text"], r["label"]).text for r in rows}
    # each candidate of a row has its own seed, and what the server said for that seed stands in its row
    assert len({body["seed"] for body in seen}) == len(seen)
    assert len({r["reasoning"] for r in rows}) > ROWS


def test_a_remote_server_that_fails_ends_the_run_with_words(recipe: Path, tmp_path: Path) -> None:
    with serve(ScriptedEngine()) as (url, _):
        changes = ["engine=remote", "remote_model=other", f"remote_url={url}", "generator=null", "min_lead=0"]
        with pytest.raises(EngineError, match="no model 'other'"):
            augment.main(
                ["--recipe", str(recipe), "--out", str(tmp_path / "out"), *(w for c in changes for w in ("--set", c))]
            )
