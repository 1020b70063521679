"""Retraining on a base in miniature: from ratings in a database to an adapter with evidence; going on after a kill."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from rilearn import progress_file
from rilearn.adapters import WEIGHTS, load_adapter
from rilearn.errors import ConfigError, DataError, RilearnError
from rilearn.gate import read_evidence
from rilearn.judgements import TrainingRow
from rilearn.prompts import text_key
from rilearn.records import Rating, Reasoning
from rilearn.store.annotators import Annotators
from rilearn.store.database import open_database
from rilearn.store.edits import Edits
from rilearn.store.ratings import Ratings
from rilearn.store.reasonings import Reasonings
from tests.in_process import here
from tests.tiny import ROOT, build_adapter
from training import evaluate, practice, retrain_generator
from training.evidence import Comparison
from training.feedback import read_rows
from training.recipes import load_recipe
from training.retrain_generator import rated_texts, same_recipe, through
from training.retrain_recipe import RetrainRecipe
from training.watch import Watch

DEMO = [json.loads(line) for line in (ROOT / "data/demo/emotion/train.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def adapters(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("adapters")
    made = {"generator": build_adapter(folder / "generator", tiny_base, "generator", None)}
    made["reader"] = build_adapter(folder / "reader", tiny_base, "direct", seed=1)
    return made


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which two people rated 24 reasonings: half are good, a third of the poor ones are corrected."""
    folder = tmp_path_factory.mktemp("state")
    with closing(open_database(None, folder)) as database:
        people = [Annotators(database).add(name).id for name in ("Ada", "Ben")]
        for number, row in enumerate(DEMO[:24]):
            made = Reasoning(
                "emotion", row["text"], row["label"], f"It says so ({number}).", "demo", "train", "generator"
            )
            (id,) = Reasonings(database).add([made])
            verdict = "good" if number % 2 else "poor"
            Ratings(database).rate(people[number % 2], id, Rating(verdict), f"token-{number}")  # type: ignore[arg-type]
            if number % 6 == 0:
                Edits(database).edit(people[number % 2], id, f"The words tell it ({number}).", f"edit-{number}")
    return folder


@pytest.fixture
def recipe(tiny_base: Path, adapters: dict[str, Path], tmp_path: Path) -> Path:
    """Two steps a phase, six held-out rows."""
    values = {
        "kind": "retrain",
        "name": "generator",
        "base": str(tiny_base),
        "data": {"id": "data/demo/emotion"},
        "generator": str(adapters["generator"]),
        "reader": str(adapters["reader"]),
        "cap": 1.0,
        "minimum": 2,
        "measured": 6,
        "replay": [{"id": "data/demo/reasoning"}],
        "general": {"id": "data/demo/reasoning", "split": "validation", "limit": 8},
        "training": {
            "batch": 4,
            "micro_batch": 2,
            "max_tokens": 400,
            "max_steps": 2,
            "threads": 1,
            "precision": "fp32",
        },
    }
    path = tmp_path / "retrain.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def arguments(recipe: Path, state: Path, out: Path, *more: str) -> list[str]:
    return ["--recipe", str(recipe), "--from-state", str(state), "--out", str(out), *more]


def test_a_phase_may_have_rows_a_step_of_its_own(recipe: Path, state: Path, tmp_path: Path) -> None:
    out, phase = tmp_path / "out", ("sft.lr=1e-4", "sft.epochs=1", "sft.batch=8")
    values = ("ratings=sft", "measured=2", "training.max_steps=null", "replay_share=0", *phase)
    retrain_generator.main(arguments(recipe, state, out, *(word for value in values for word in ("--set", value))))
    found = load_adapter(out / "generator").manifest.data["phases"]["sft"]
    assert found["rows"] > 8 and found["steps"] == -(-found["rows"] // 8)


PRACTICE = ("practice.texts=30", "practice.tries=2", "measured=2", "ratings=sft")


def test_after_the_ratings_it_learns_from_the_best_that_it_writes(
    recipe: Path, state: Path, adapters: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, values = tmp_path / "out", [word for value in PRACTICE for word in ("--set", value)]
    row = TrainingRow("sft", "a text", "joy", "It says so.", None, True, 1.0, ())
    monkeypatch.setattr(practice, "best", lambda *_: row)
    retrain_generator.main(arguments(recipe, state, out, *values))
    rated, made = load_adapter(out / "rated" / "generator"), load_adapter(out / "generator")
    assert made.ref.digest != rated.ref.digest and made.manifest.parents == rated.manifest.parents
    found = made.manifest.data
    assert list(found["phases"]) == ["sft", "practice-1", "practice-2"] and list(rated.manifest.data["phases"]) == [
        "sft"
    ]
    assert [(c["texts"], c["kept"], c["written"]) for c in found["practice"]] == [(30, 30, 60)] * 2
    assert found["general_loss"]["before"] == rated.manifest.data["general_loss"]["before"]
    one, two = (
        [json.loads(line) for line in (out / f"practice-{number}" / "practice.jsonl").read_text().splitlines()]
        for number in (1, 2)
    )
    rated_texts = {row["text"] for row in DEMO[:24]}  # half of them were called poor alone and are no rows
    texts = {line["text"] for line in (*one, *two)}
    assert len(texts) == 60 and rated_texts.isdisjoint(texts)
    assert {row.text for row in read_rows(out / "rows.jsonl")} < rated_texts
    assert all(line["openings"][1].startswith('"') for line in one)
    assert {tuple(line["openings"]) for line in two} == {("", "")}
    assert made.manifest.steps == 6
    told = json.loads((out / "comparison.json").read_text())
    digests = [told[name]["sha256"] for name in ("parent", "rated", "candidate")]
    assert digests == [load_adapter(adapters["generator"]).ref.digest, rated.ref.digest, made.ref.digest]
    assert set(told["rated"]["judge"]) == set(told["judge"]) and told["rated"]["grounded"] >= 0


def test_it_practises_on_no_text_that_something_was_said_of(tmp_path: Path) -> None:
    rows = [TrainingRow("sft", "A  text", "joy", "It says so.", None, True, 1.0, ())]
    assert rated_texts(tmp_path, rows) == {text_key("a text")}
    (tmp_path / "rated.json").write_text('["a text", "another"]')
    assert rated_texts(tmp_path, rows) == {"a text", "another"}


def test_a_phase_that_was_stopped_goes_on_from_its_checkpoint(
    recipe: Path, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training import learning

    out, steps = tmp_path / "out", list[int]()

    class Stops(learning.WatchSteps):
        def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            steps.append(state.global_step)
            control.should_save = True
            if steps == [1, 2]:
                raise KeyboardInterrupt

    monkeypatch.setattr(learning, "WatchSteps", Stops)
    wanted = arguments(recipe, state, out, "--set", "ratings=sft", "--set", "training.max_steps=3")
    with pytest.raises(KeyboardInterrupt):
        retrain_generator.main(wanted)
    retrain_generator.main(wanted)
    assert steps == [1, 2, 2, 3] and not list(out.rglob("checkpoint-*"))


def test_where_nothing_that_it_writes_is_good_it_stays_as_the_ratings_made_it(
    recipe: Path, state: Path, tmp_path: Path
) -> None:
    out, values = tmp_path / "out", [word for value in PRACTICE for word in ("--set", value)]
    retrain_generator.main(arguments(recipe, state, out, *values))
    made = load_adapter(out / "generator")
    assert made.ref.digest == load_adapter(out / "rated" / "generator").ref.digest
    assert [c["kept"] for c in made.manifest.data["practice"]] == [0] and made.manifest.data["ratings"] > 0


@pytest.mark.parametrize(
    ("ratings", "phases"), [("sft", {"sft"}), ("kto", {"kto", "sft"}), ("mixed", {"kto", "dpo", "sft"})]
)
def test_ratings_become_an_adapter_with_rows_and_evidence(
    ratings: str, phases: set[str], recipe: Path, state: Path, adapters: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    retrain_generator.main(arguments(recipe, state, out, "--set", f"ratings={ratings}"))
    parent, made = load_adapter(adapters["generator"]), load_adapter(out / "generator")
    assert made.manifest.kind == "generator" and made.ref.digest != parent.ref.digest
    assert made.manifest.parents == {"generator": parent.ref.digest}
    assert set(made.manifest.data["phases"]) == phases
    assert made.manifest.data["general_loss"]["before"] > 0 < made.manifest.data["general_loss"]["after"]
    rows = read_rows(out / "rows.jsonl")
    assert {row.kind for row in rows} <= {"sft", "kto", "pair"} and all(row.because for row in rows)
    evidence = read_evidence(out / "evidence.json")
    assert (evidence.role, evidence.candidate, evidence.current) == ("generator", made.ref.digest, parent.ref.digest)
    assert evidence.texts == 6 and evidence.judge is not None and evidence.classifier is None
    now = [json.loads(line) for line in (out / "reasonings.jsonl").read_text(encoding="utf-8").split("\n") if line]
    assert {line["adapter_digest"] for line in now if line["split"] == "validation"} == {
        evidence.candidate,
        evidence.current,
    }
    assert {line["text"] for line in now if line["split"] == "train"} == {row.text for row in rows}
    progress = progress_file.read(out / progress_file.NAME)
    assert progress is not None and progress.stage == "Done" and progress.share == 1


def test_the_same_command_goes_on_behind_the_phases_that_are_done(
    recipe: Path, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training import learning

    out, trained = tmp_path / "out", list[str]()
    real = learning.train_phase

    def fails(phase: str, *rest: Any, **options: Any) -> dict[str, Any]:
        trained.append(phase)
        if phase == "dpo" and trained.count("dpo") == 1:
            raise KeyboardInterrupt
        return real(phase, *rest, **options)

    monkeypatch.setattr(learning, "train_phase", fails)
    with pytest.raises(KeyboardInterrupt):
        retrain_generator.main(arguments(recipe, state, out))
    rows = (out / "rows.jsonl").read_bytes()
    retrain_generator.main(arguments(recipe, state, out))
    assert trained == ["kto", "dpo", "dpo", "sft"]
    assert (out / "rows.jsonl").read_bytes() == rows and (out / "generator" / WEIGHTS).exists()


def test_what_was_rated_meanwhile_does_not_change_a_run_that_goes_on(recipe: Path, state: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    retrain_generator.main(arguments(recipe, state, out, "--set", "ratings=sft"))
    known = read_rows(out / "rows.jsonl")
    digest = load_adapter(out / "generator").ref.digest
    retrain_generator.main(arguments(recipe, tmp_path / "nowhere", out, "--set", "ratings=sft"))
    assert read_rows(out / "rows.jsonl") == known and load_adapter(out / "generator").ref.digest == digest


def test_too_little_is_refused_before_anything_loads(recipe: Path, state: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="too little"):
        retrain_generator.main(arguments(recipe, state, tmp_path / "out", "--set", "minimum=500"))
    assert not (tmp_path / "out" / "generator").exists()


THROUGH = "training/recipes/demo/through.yaml"


class Shell:
    """Stands for the pipeline's process."""

    def __init__(self, status: int = 0):
        self.status, self.words = status, list[str]()

    def __call__(self, words: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        self.words = words
        return subprocess.CompletedProcess(words, self.status)


def made(through: str | None) -> RetrainRecipe:
    return RetrainRecipe.model_validate({"kind": "retrain", "name": "g", "through": through, "classifier": "now"})


def test_through_the_classifier_is_a_pipeline_from_the_new_generator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = Shell()
    monkeypatch.setattr(retrain_generator.subprocess, "run", shell)
    recipe = made(THROUGH).model_copy(update={"measured_from": 1000})
    assert through(tmp_path, recipe, Watch(tmp_path)) == tmp_path / "evaluation"
    assert shell.words[:3] == [sys.executable, "-m", "training.pipeline"]
    assert f'values.generator="{tmp_path / "generator"}"' in shell.words and 'values.current="now"' in shell.words
    assert 'values.skip="1000"' in shell.words  # the rows that the generators were compared on, not the first ones


def test_without_a_pipeline_or_with_one_that_fails_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for nothing in (None, "training/recipes/none.yaml"):
        with pytest.raises(ConfigError, match="through"):
            through(tmp_path, made(nothing), Watch(tmp_path))
    monkeypatch.setattr(retrain_generator.subprocess, "run", Shell(status=3))
    with pytest.raises(RilearnError, match="status 3"):
        through(tmp_path, made(THROUGH), Watch(tmp_path))


@pytest.mark.parametrize(
    ("value", "problem"), [("reader", "reader"), ("classifier", "classifier"), ("through", "through")]
)
def test_what_is_needed_at_the_end_is_looked_for_at_the_start(
    recipe: Path, state: Path, adapters: dict[str, Path], tmp_path: Path, value: str, problem: str
) -> None:
    values = {"through": THROUGH, "classifier": str(adapters["reader"])} | {value: str(tmp_path / f"no-{value}")}
    words = [word for name, at in values.items() for word in ("--set", f"{name}={at}")]
    with pytest.raises(RilearnError, match=f"no-{problem}"):
        retrain_generator.main(arguments(recipe, state, tmp_path / "out", *words, "--through", "classifier"))
    assert not (tmp_path / "out" / "rows.jsonl").exists()


def test_a_run_of_another_recipe_is_not_taken_up(tmp_path: Path) -> None:
    recipe = made(None)
    for same in (recipe, recipe, recipe.model_copy(update={"measured": 7, "through": THROUGH})):
        same_recipe(same, tmp_path)
    with pytest.raises(ConfigError, match="another recipe"):
        same_recipe(recipe.model_copy(update={"ratings": "sft"}), tmp_path)


@pytest.mark.timeout(300)
def test_the_classifier_is_trained_through_the_new_generator(
    recipe: Path, state: Path, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The demo's pipeline on the base in miniature, whose nonsense all filters let through."""
    monkeypatch.setattr(subprocess, "run", here)
    monkeypatch.setattr(evaluate, "MAX_TOKENS", 8)
    lax = {"min_grounding": 0, "min_words": 1, "max_repetition": 1.0, "max_misquotes": 99, "min_lead": 0}
    few = {"batch": 4, "max_steps": 2, "max_tokens": 400, "threads": 1}
    changed: dict[str, dict[str, Any]] = {
        "augment": {"base": str(tiny_base), "data": {"limit": 8}, "max_tokens": 8, **lax},
        "q-ra": {"base": str(tiny_base), "data": {"limit": 16}, "direct_rows": 1.0, "training": few},
    }
    for name, values in changed.items():
        found = yaml.safe_load((ROOT / f"training/recipes/demo/{name}.yaml").read_text())
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(found | values))
    pipeline = tmp_path / "through.yaml"
    pipeline.write_text((ROOT / THROUGH).read_text().replace('--limit, "24"', '--limit, "5"'))
    current, out = build_adapter(tmp_path / "q-ra", tiny_base, "reasoned", seed=2), tmp_path / "out"
    values = ("ratings=sft", f"through={pipeline}", f"classifier={current}", "measured_from=3", "measured=5")
    words = [word for value in values for word in ("--set", value)]
    retrain_generator.main(arguments(recipe, state, out, *words, "--through", "classifier"))
    old, new = (json.loads((out / f"evaluation/{name}.json").read_text()) for name in ("current", "new"))
    assert (old["n"], old["from_row"], new["n"], new["from_row"]) == (5, 3, 5, 3)
    made = load_adapter(out / "q-ra")
    assert new["adapter_sha256"] == made.ref.digest != old["adapter_sha256"] == load_adapter(current).ref.digest
    assert load_adapter(out / "generator").ref.digest in made.manifest.parents.values()
    generator, classifier = (read_evidence(out / f"evidence{name}.json") for name in ("", "-q-ra"))
    assert generator.classifier == classifier.classifier and classifier.candidate == made.ref.digest
    assert generator.classifier is not None and generator.classifier.rows == 5
    told = json.loads((out / "comparison.json").read_text())
    assert told["evidence"] == {one.role: one.model_dump(mode="json") for one in (generator, classifier)}
    seen = progress_file.read(out / progress_file.NAME)
    assert seen is not None and seen.stage == "Done"


def evaluated(folder: Path, name: str, correct: str, fingerprint: str = "a") -> None:
    rows = [{"text": row["text"], "gold": row["label"], "reasoning": "It says so."} for row in DEMO[: len(correct)]]
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    values = {"dataset_fingerprint": fingerprint, "n": len(correct), "correct": correct, "parse_rate": 0.9}
    (folder / f"{name}.json").write_text(json.dumps(values))


def test_the_two_classifiers_are_compared_row_by_row(recipe: Path, adapters: dict[str, Path], tmp_path: Path) -> None:
    found = load_recipe(RetrainRecipe, recipe, [])
    parent, reader = load_adapter(adapters["generator"]), load_adapter(adapters["reader"])
    comparison = Comparison(found, parent, Watch(tmp_path))
    evaluated(tmp_path, "new", "11010")
    evaluated(tmp_path, "current", "10011")
    evidence = comparison.classifiers(tmp_path, parent, reader)
    paired = evidence.classifier
    assert paired and (paired.both, paired.only_candidate, paired.only_current, paired.neither) == (2, 1, 1, 1)
    assert (evidence.role, evidence.parse_rate, evidence.texts) == ("q-ra", 0.9, 5)
    evaluated(tmp_path, "current", "10011", fingerprint="b")
    with pytest.raises(DataError, match="different rows"):
        comparison.classifiers(tmp_path, parent, reader)


def test_a_row_of_the_file_is_the_row_that_was_written(tmp_path: Path) -> None:
    from training.feedback import write_rows

    row = TrainingRow("pair", "a\u2028b", "joy", 'say "x"', "no", True, 0.5, ("rating:1",))
    write_rows((row, replace(row, kind="sft", rejected=None)), tmp_path / "rows.jsonl")
    assert read_rows(tmp_path / "rows.jsonl") == (row, replace(row, kind="sft", rejected=None))
