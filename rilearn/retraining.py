"""Retraining the generator from the app: what is chosen, what it would learn from, and the command that does it.

The command works in a process of its own (jobs.py); what it makes comes back by retrained.py.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import yaml

from rilearn.corpora import held_out_texts
from rilearn.errors import ConfigError, InputError
from rilearn.job_command import Command
from rilearn.judgements import Curated, Judged, Preference, Recipe, Rules
from rilearn.settings import Settings
from rilearn.tasks import Task

if TYPE_CHECKING:  # these bring SQLAlchemy
    from rilearn.jobs import MakeCommand
    from rilearn.store.database import Database

KIND = "retrain"
MODULE = "training.retrain_generator"


@dataclass(frozen=True)
class Choice:
    """What an admin chooses. `since`: only what was said after this moment; `practice`: practise afterwards, as the
    recipe says; `classifier`: go on to the classifier."""

    recipe: Recipe
    since: datetime | None = None
    practice: bool = True
    classifier: bool = True


def arguments(choice: Choice, generator: Path | None, classifier: Path | None) -> dict[str, Any]:
    """The choice as a job keeps it, with the folders of the generator and the classifier to go on from: a resumed job
    goes on from them too, whatever was promoted meanwhile.

    Raises:
        InputError: an unknown recipe, or there is no generator.
    """
    if choice.recipe not in get_args(Recipe):
        raise InputError(f"There is no recipe '{choice.recipe}': {', '.join(get_args(Recipe))}.")
    if generator is None:
        raise InputError("There is no generator to go on from. Put its adapter folder into RILEARN_ADAPTERS.")
    if choice.classifier and classifier is None:
        raise InputError("There is no classifier that reasons to go on from. Leave the classifier out.")
    return {
        "recipe": choice.recipe,
        "since": choice.since.isoformat() if choice.since else None,
        "practice": choice.practice,
        "classifier": choice.classifier,
        "generator": str(generator.absolute()),
        "reasoned": str(classifier.absolute()) if classifier else None,
    }


def commands(settings: Settings) -> dict[str, MakeCommand]:
    """The commands that jobs may run, by kind."""

    folders = settings.folders()  # now, while the folder that the app was started in is known

    def retrain(given: dict[str, Any], out: Path) -> Command:
        # Each word is built here out of checked values: what stands in the database is data.
        words = [sys.executable, "-m", MODULE, "--recipe", str(settings.retrain.absolute())]
        recipe = given.get("recipe")
        if recipe not in get_args(Recipe):
            raise InputError(f"The job names no recipe: {recipe!r}.")
        words += ["--set", f"task={_quoted(settings.task)}", "--set", f"ratings={recipe}"]
        words += ["--set", f"generator={_quoted(given['generator'])}"]
        if given.get("reasoned"):
            words += ["--set", f"classifier={_quoted(given['reasoned'])}"]
        if given.get("practice") is False:
            words += ["--set", "practice=null"]
        if settings.dataset:
            words += ["--set", f"data.id={_quoted(folders.get('RILEARN_DATASET', settings.dataset))}"]
        source, password = _source(settings)
        words += source
        if given.get("since"):
            words += ["--since", datetime.fromisoformat(given["since"]).isoformat()]
        if given.get("classifier"):
            words += ["--through", "classifier"]
        return Command([*words, "--out", str(out)], folders | password)

    return {KIND: retrain}


def _quoted(text: str) -> str:
    """As YAML, as which `--set` reads it: bare, a path that holds " #" would end there."""
    return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=sys.maxsize).strip()


@dataclass(frozen=True)
class Preview:
    """The rows there would be. `lack` says what is missing (None: nothing), `said` is ref -> who said what."""

    curated: Curated
    lack: str | None
    said: Mapping[str, str]


def rules(settings: Settings, task: Task, recipe: Recipe) -> Rules:
    """By what a run with the settings' recipe file would make rows.

    Raises:
        ConfigError: the file cannot be read.
        DataError: see `corpora.held_out_texts`.
    """
    try:
        found = yaml.safe_load(settings.retrain.read_text(encoding="utf-8"))
        dataset = settings.dataset or found.get("data", {}).get("id")
        own = {name: found[name] for name in ("cap", "minimum", "seed") if name in found}
    except (OSError, ValueError, yaml.YAMLError, AttributeError) as error:
        raise ConfigError(f"The recipe {settings.retrain} (RILEARN_RETRAIN) cannot be read: {error}") from error
    return Rules(recipe, held_out=held_out_texts(task, dataset), labels=task.labels, **own)


def preview(database: Database, task: Task, choice: Choice, by: Rules) -> Preview:
    """What a run would learn from, by the rules of `rules`.

    Raises:
        StoreError: see `Database.read`.
    """
    from rilearn.curation import missing, sort_out
    from rilearn.store.judged import judged

    found, preferences = judged(database, choice.since)
    here = [one for one in found if one.reasoning.task == task.name]
    votes = [one for one in preferences if one.task == task.name]
    curated = sort_out(here, votes, by)
    return Preview(curated, missing(curated, by), _said(here, votes))


def _said(found: list[Judged], votes: list[Preference]) -> dict[str, str]:
    said = {}
    for one in found:
        for opinion in one.opinions:
            grade = f", {opinion.rating.overall} of 5" if opinion.rating.overall is not None else ""
            wrong = ", the label is wrong" if opinion.rating.label_wrong else ""
            comment = f": {opinion.rating.comment}" if opinion.rating.comment else ""
            said[opinion.ref] = f"{opinion.annotator} says {opinion.rating.verdict}{grade}{wrong}{comment}"
        for correction in one.corrections:
            said[correction.ref] = f"{correction.annotator} corrects it to: {correction.reasoning}"
        if one.decision:
            said[one.decision] = f"an admin decided: {one.adjudicated}"
    return said | {vote.ref: f"{vote.voter} prefers, blind: {vote.chosen}" for vote in votes}


def _source(settings: Settings) -> tuple[list[str], dict[str, str]]:
    """Where the ratings are; a password goes by the environment, since every user of the machine sees the words."""
    if not settings.database_url:
        return ["--from-state", str(settings.state_dir.absolute())], {}
    from sqlalchemy import make_url

    url = make_url(settings.database_url)
    password = {"PGPASSWORD": str(url.password)} if url.password else {}
    return ["--from-db", url._replace(password=None).render_as_string(hide_password=False)], password
