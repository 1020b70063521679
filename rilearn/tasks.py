"""A task is data: one YAML file under data/tasks/ names labels, wording and dataset; code knows no label."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rilearn.errors import ConfigError

TASKS_DIR = Path(__file__).resolve().parent.parent / "data" / "tasks"


class LabelDisplay(BaseModel):
    """How a label looks: a colour of at least 3:1 against white and near-black, and one emoji."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    color: str = Field(pattern=r"^#[0-9a-fA-F]{6}$")
    emoji: str


class DatasetSpec(BaseModel):
    """Where the task's rows are: a Hub id or a folder, and which columns and splits to read."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str
    config: str | None = None
    text_column: str = "text"
    label_column: str = "label"
    splits: dict[str, str] = Field(default_factory=lambda: {"train": "train", "validation": "validation"})


class Task(BaseModel):
    """A text classification task. `rationale_question` has one `{text}` slot and is what the generator is asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    title: str
    labels: tuple[str, ...] = Field(min_length=2)
    text_name: str = "Text"
    label_name: str
    rationale_question: str
    dataset: DatasetSpec
    display: dict[str, LabelDisplay]
    examples: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Task:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels: every label must be there once")
        if set(self.display) != set(self.labels):
            raise ValueError(f"display: needs exactly the labels {', '.join(self.labels)}")
        if self.rationale_question.count("{text}") != 1:
            raise ValueError("rationale_question: must hold {text} once")
        return self


def load_task(name: str, folder: Path = TASKS_DIR) -> Task:
    """Read data/tasks/<name>.yaml.

    Raises:
        ConfigError: no such task (the message lists those there are) or a bad file (it names the keys).
    """
    path = folder / f"{name}.yaml"
    known = sorted(p.stem for p in folder.glob("*.yaml"))
    if name not in known:
        raise ConfigError(f"There is no task '{name}'. Tasks in {folder.name}/: {', '.join(known) or 'none'}.")
    try:
        return Task.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (ValidationError, yaml.YAMLError) as error:
        raise ConfigError(f"Task file {path.name} cannot be used: {error}") from error
