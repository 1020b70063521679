"""Many texts of the Compare tab: a file or a sample through several models, counted, shown and downloaded."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from rilearn import batch
from rilearn.batch import Outcome
from rilearn.compare import MOST
from rilearn.errors import InputError, in_words
from rilearn.services import Services
from rilearn.tables import Rows, read_rows, sample_rows
from rilearn.ui import many_view as view
from rilearn.ui.live import BUSY, IDLE, QUIET, choices, paced

GROUP = "batch"
"""One batch at a time, for all visitors: the others wait in Gradio's queue, single texts pass them by."""
FILE, SAMPLE = "A file", "A sample of the dataset"
FIRST_ROWS = 100
"""Rows of a sample unless the visitor says another number: a few minutes on two cores."""
Frame = tuple[Any, "Run", dict[str, Any], dict[str, Any]]
"""The report, the run behind it, the Run button, the Cancel button."""


@dataclass(frozen=True)
class Run:
    """What one page's batch is, kept in its session."""

    rows: Rows | None = None
    models: tuple[str, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    over: bool = False


def add(services: Services) -> None:
    """Put the controls, the report and their events into the current tab."""
    on, limits = Handlers(services), services.settings
    with gr.Row(elem_id="rl-many-ask"):
        with gr.Column():
            source = gr.Radio([FILE, SAMPLE], value=FILE, label="Rows", elem_id="rl-many-source")
            models = gr.Dropdown(
                choices(services),
                value=services.pair if len(services.models) > 1 else services.models,
                multiselect=True,
                max_choices=MOST,
                label="Models",
                filterable=False,
                elem_id="rl-many-models",
            )
        with gr.Column():
            file = gr.File(
                label="File",
                show_label=False,
                file_types=[".csv", ".jsonl", ".parquet"],
                height=150,
                elem_id="rl-many-file",
            )
            needs = gr.HTML(view.needs(limits.batch_rows, limits.batch_mb))
            with gr.Row(visible=False, elem_id="rl-many-drawn") as drawn:
                splits = list(services.task.dataset.splits)
                first = "validation" if "validation" in splits else splits[0]  # what may be looked at again and again
                split = gr.Dropdown(splits, value=first, label="Split", filterable=False, min_width=120)
                count = gr.Number(
                    min(FIRST_ROWS, limits.batch_rows),
                    label="Rows",
                    precision=0,
                    minimum=1,
                    maximum=limits.batch_rows,
                    min_width=90,
                )
                seed = gr.Number(0, label="Seed", precision=0, min_width=90)
    with gr.Row(elem_id="rl-many-do"):
        go = gr.Button("Run", variant="primary", min_width=120, elem_id="rl-many-go")
        cancel = gr.Button("Cancel", interactive=False, min_width=120, elem_id="rl-many-cancel")
    report = gr.HTML(view.empty(), elem_id="rl-many-report")
    with gr.Row(visible=False, elem_id="rl-many-files") as downloads:
        table = gr.DownloadButton("Download CSV", min_width=160, elem_id="rl-many-csv")
        exact = gr.DownloadButton("Download Parquet", min_width=160, elem_id="rl-many-parquet")
    state = gr.State(Run(over=True))
    shown = [report, state, go, cancel]

    source.change(on.choose, source, [file, needs, drawn], **QUIET)
    begun = go.click(on.begin, None, [state, go, cancel, downloads], **QUIET)
    run = begun.then(
        on.run,
        [source, file, split, count, seed, models],
        shown,
        concurrency_id=GROUP,
        concurrency_limit=1,
        api_visibility="private",
        show_progress="minimal",
        show_progress_on=report,
    )
    # As in the Classify tab: after every end of a run, a cancel as well.
    settled = run.then(on.settle, state, shown, **QUIET)
    settled.then(on.files, state, [downloads, table, exact], api_visibility="private", show_progress="hidden")
    cancel.click(None, None, None, cancels=[run], **QUIET)


class Handlers:
    """What the page's events call."""

    def __init__(self, services: Services):
        self.services, self.task = services, services.task

    def choose(self, source: str) -> tuple[dict[str, Any], ...]:
        """Show the fields of the chosen source."""
        return tuple(gr.update(visible=source == wanted) for wanted in (FILE, FILE, SAMPLE))

    def begin(self) -> tuple[Run, dict[str, Any], dict[str, Any], dict[str, Any]]:
        """A new run, and the buttons while it waits in the queue or runs; old downloads go."""
        return Run(), *BUSY, gr.update(visible=False)

    def run(
        self, source: str, file: str | None, split: str, count: float | None, seed: float | None, models: list[str]
    ) -> Iterator[Frame]:
        """Frames of one batch; closed by Gradio when the visitor cancels or leaves."""
        try:
            for status in self.services.loading():
                yield view.waiting(status.message), Run(), *BUSY
            classifiers = self.services.classifiers(models or [])
            yield view.waiting("Reading the rows"), Run(), *BUSY
            rows = self.rows(source, file, split, int(count or 0), int(seed or 0))
            run = Run(rows, tuple(classifier.adapter.name for classifier in classifiers))
            with closing(batch.run(classifiers, rows.good, self.services.give_way)) as growing:
                for now in paced(growing, lambda now: len(now.outcomes) == now.total):
                    run = replace(run, outcomes=now.outcomes)
                    yield view.progress(now), run, *BUSY
            yield self.html(run), replace(run, over=True), *IDLE
        except Exception as error:
            yield view.error(in_words(error)), Run(over=True), *IDLE

    def rows(self, source: str, file: str | None, split: str, count: int, seed: int) -> Rows:
        """The rows asked for; raises `InputError` and `DataError`."""
        if source == SAMPLE:
            return sample_rows(self.task, split, count, seed, self.services.settings)
        if file is None:
            raise InputError("There is no file yet. Choose one, or take a sample of the dataset.")
        return read_rows(Path(file), self.task, self.services.settings)

    def settle(self, run: Run) -> Frame:
        """After a run: when it was cancelled, count and show what was done."""
        if run.over:
            return gr.skip(), run, *IDLE
        return (self.html(run, cancelled=True) if run.outcomes else view.stopped()), replace(run, over=True), *IDLE

    def html(self, run: Run, cancelled: bool = False) -> str:
        assert run.rows is not None
        counted = batch.summary(run.outcomes, run.models)
        return view.report(self.task, run.rows, run.outcomes, run.models, counted, cancelled)

    def files(self, run: Run) -> Iterator[tuple[Any, Any, Any]]:
        """The downloads of a batch that ended. Gradio copies each file before it asks this iterator to go on."""
        cells = batch.table(run.outcomes, run.rows.problems, run.models) if run.rows else []
        if not cells:
            yield gr.update(visible=False), gr.skip(), gr.skip()
            return
        name = f"rilearn-{self.task.name}-{'-'.join(run.models)}"
        with tempfile.TemporaryDirectory(prefix="rilearn-") as folder:
            table = batch.write_csv(cells, Path(folder), name)
            yield gr.update(visible=True), str(table), str(batch.write_parquet(cells, Path(folder), name))
