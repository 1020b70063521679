"""The README tells the truth: its commands, its numbers, its example, its front matter."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from rilearn.services import Services
from training.readme import renewed

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_front_matter_is_what_spaces_needs() -> None:
    _, head, _ = README.split("---\n", 2)
    values = yaml.safe_load(head)
    assert values["sdk"] == "gradio" and values["app_file"] == "app.py"
    assert f"gradio[mcp]=={values['sdk_version']}" in (ROOT / "requirements.txt").read_text()
    assert len(values["short_description"]) <= 60
    assert {"python_version", "models", "datasets"} <= values.keys()


def test_the_two_commands_stand_alone_and_name_files_that_are_there() -> None:
    commands = re.findall(r"^pip install .*$", README, flags=re.MULTILINE)
    assert len(commands) == 2
    assert commands[0].endswith("&& python app.py") and commands[1].endswith("&& python -m pytest")
    for name in re.findall(r"-r (\S+)", " ".join(commands)):
        assert (ROOT / name).is_file()


def test_torch_is_pinned() -> None:
    assert "torch==2.13.0" in (ROOT / "requirements.txt").read_text().splitlines()


def test_every_linked_file_is_there() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_numbers_are_those_of_the_files_behind_them() -> None:
    assert renewed(README, ROOT / "data" / "adapters", ROOT / "data" / "results") == README


def test_recipes_and_modules_it_names_are_there() -> None:
    for path in re.findall(r"--recipe (\S+\.yaml)", README):
        assert (ROOT / path).is_file()
    for module in re.findall(r"training\.(\w+)`", README):
        assert (ROOT / "training" / f"{module}.py").is_file()


def test_the_client_example_runs(services: Services, live_app: Any, capsys: Any) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    with live_app(services) as url:
        exec(compile(example.replace("http://127.0.0.1:7860", url), "README", "exec"), {})
    assert "joy" in capsys.readouterr().out
