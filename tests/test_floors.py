"""The house stands as DESIGN.md says: floors, no circles, small files with docstrings, no label names in the code."""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
TOP_LEVEL = {"app.py", "rilearn", "training", "data", "tests", "requirements.txt", "README.md", "LICENSE"}
CONFIG = {"pyproject.toml"}

# A path (or a folder with its slash) -> its floor; the longest match holds.
FLOORS = {
    "rilearn/__init__.py": 0,
    "rilearn/records.py": 0,
    "rilearn/errors.py": 0,
    "rilearn/settings.py": 0,
    "rilearn/progress_file.py": 0,
    "rilearn/job_process.py": 0,
    "rilearn/tasks.py": 1,
    "rilearn/prompts.py": 1,
    "rilearn/metrics.py": 1,
    "rilearn/signals.py": 1,
    "rilearn/statistics.py": 1,
    "rilearn/agreement.py": 1,
    "rilearn/cells.py": 1,
    "rilearn/row_files.py": 1,
    "rilearn/perturbations.py": 1,
    "rilearn/leak.py": 1,
    "rilearn/judgements.py": 1,
    "rilearn/consensus.py": 1,
    "rilearn/claims.py": 1,
    "rilearn/curation.py": 1,
    "rilearn/curation_preview.py": 1,
    "rilearn/gate.py": 1,
    "rilearn/engines/base.py": 1,
    "rilearn/engines/text.py": 1,
    "rilearn/weights.py": 2,
    "rilearn/adapters.py": 2,
    "rilearn/corpora.py": 2,
    "rilearn/visitors.py": 2,
    "rilearn/job_folder.py": 2,
    "rilearn/engines/": 2,
    "rilearn/store/": 2,
    "rilearn/classify.py": 3,
    "rilearn/faithfulness.py": 3,
    "rilearn/faithfulness_summary.py": 3,
    "rilearn/donors.py": 3,
    "rilearn/compare.py": 3,
    "rilearn/tables.py": 3,
    "rilearn/batch.py": 3,
    "rilearn/proposals.py": 3,
    "rilearn/blind.py": 3,
    "rilearn/rationale.py": 3,
    "rilearn/kept.py": 2,
    "rilearn/promotion.py": 2,
    "rilearn/models.py": 3,
    "rilearn/uptake.py": 3,
    "rilearn/rewriting.py": 3,
    "rilearn/loading.py": 3,
    "rilearn/retraining.py": 3,
    "rilearn/retrained.py": 3,
    "rilearn/job_command.py": 3,
    "rilearn/jobs.py": 3,
    "rilearn/services.py": 3,
    "rilearn/ui/": 4,
    "training/": 5,
    "app.py": 6,
}
_NOUNS = (
    "__init__ candidates card data general lora plots reader recipes rows sft stage triples variants watch watch_steps"
)
_REPORT = "report_feedback report_parts report_summary report_tables"
_RATINGS = "bag_of_words comparison evidence feedback feedback_cells learning practice preference raters"
_RATED = "retrain_recipe simulation"
HELPERS = {f"training/{n}.py" for n in f"{_NOUNS} {_REPORT} {_RATINGS} {_RATED}".split()}

MOST_LINES = 250
LONGER: dict[str, int] = {}  # files that may be longer for now, and how long: bring these down, never up


@cache
def files() -> tuple[str, ...]:
    found = [p for folder in ("rilearn", "training") for p in (ROOT / folder).rglob("*.py")]
    return (*sorted(str(p.relative_to(ROOT)) for p in found), "app.py")


def code_files() -> list[str]:
    return [f for f in files() if f != "app.py"]


@cache
def tree(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text(encoding="utf-8"), file)


def floor(file: str) -> int | None:
    fitting = [p for p in FLOORS if file == p or (p.endswith("/") and file.startswith(p))]
    return FLOORS[max(fitting, key=len)] if fitting else None


def as_file(module: str) -> str | None:
    """`rilearn.engines.base` -> its file here; None for modules from elsewhere."""
    path = module.replace(".", "/")
    return next((f for f in (f"{path}.py", f"{path}/__init__.py") if f in files()), None)


@cache
def imports(file: str) -> frozenset[str]:
    """The project's files that `file` imports anywhere, also inside functions and under TYPE_CHECKING."""
    found: set[str | None] = set()
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            found |= {as_file(name.name) for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: write the whole name instead of a relative import"
            inner = {as_file(f"{node.module}.{name.name}") for name in node.names}
            found |= inner
            if None in inner:  # a name out of the module itself, not a module of the package
                found.add(as_file(node.module or ""))
    return frozenset(f for f in found if f and f != file)


@pytest.mark.parametrize("file", files())
def test_every_file_has_a_floor(file: str) -> None:
    assert floor(file) is not None, f"{file} is new: give it a floor in FLOORS"


@pytest.mark.parametrize("file", files())
def test_no_import_goes_up(file: str) -> None:
    up = {f: floor(f) for f in imports(file) if (floor(f) or 0) > (floor(file) or 0)}
    assert not up, f"{file} (floor {floor(file)}) imports from above: {up}"


def test_no_import_goes_round() -> None:
    try:
        TopologicalSorter({f: imports(f) for f in files()}).prepare()
    except CycleError as error:
        pytest.fail(f"these import each other: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize("file", [f for f in files() if f.startswith("training/")])
def test_training_imports_neither_the_page_nor_a_sibling_stage(file: str) -> None:
    wrong = {
        f for f in imports(file) if f.startswith("rilearn/ui/") or (f.startswith("training/") and f not in HELPERS)
    }
    assert not wrong, f"{file} imports {wrong}"


@pytest.mark.parametrize("file", [f for f in files() if f.startswith("rilearn/")])
def test_rilearn_never_imports_training(file: str) -> None:
    assert not {f for f in imports(file) if not f.startswith("rilearn/")}


def test_app_is_short() -> None:
    assert len((ROOT / "app.py").read_text().splitlines()) <= 40


def test_the_top_level_holds_only_what_it_should() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout: ignored folders cannot be told apart")
    names = {line.split("/")[0] for line in listed.stdout.splitlines()}
    extra = {n for n in names if not n.startswith(".")} - TOP_LEVEL - CONFIG
    assert not extra, f"not for the top level: {extra}"


@pytest.mark.parametrize("file", code_files())
def test_files_are_short_and_say_what_they_are_for(file: str) -> None:
    lines = len((ROOT / file).read_text(encoding="utf-8").splitlines())
    assert lines <= LONGER.get(file, MOST_LINES), f"{file} has {lines} lines"
    if lines:  # an empty __init__.py marks a package and needs no words
        assert ast.get_docstring(tree(file)), f"{file} has no docstring"


def literals(file: str) -> list[tuple[int, str]]:
    """(line, string constant) of the code, without docstrings and other bare strings."""
    bare = {id(n.value) for n in ast.walk(tree(file)) if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)}
    return [
        (n.lineno, n.value)
        for n in ast.walk(tree(file))
        if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in bare
    ]


@cache
def labels() -> frozenset[str]:
    tasks = [yaml.safe_load(p.read_text(encoding="utf-8")) for p in (ROOT / "data" / "tasks").glob("*.yaml")]
    return frozenset(str(label).casefold() for task in tasks for label in task["labels"])


@pytest.mark.parametrize("file", files())
def test_no_label_of_any_task_is_in_the_code(file: str) -> None:
    assert len(labels()) >= 10
    found = [(n, text) for n, text in literals(file) if text.strip().strip(":.").casefold() in labels()]
    assert not found, f"{file} names labels: {found}"


def test_the_walk_itself_sees_imports() -> None:
    assert "rilearn/prompts.py" in imports("rilearn/adapters.py")
    assert "training/sft.py" in imports("training/train_classifier.py")  # inside a function
    assert "rilearn/engines/__init__.py" in imports("training/evaluate.py")
    assert "rilearn/signals.py" in imports("training/candidates.py")  # `from rilearn import signals`
