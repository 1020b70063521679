"""Filling the queue from the Rate tab: an admin's file of reasonings, or reasonings that the generator writes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from rilearn import proposals
from rilearn.corpora import text_key
from rilearn.errors import InputError
from rilearn.rationale import DEMO, Chosen, Writing, choose
from rilearn.records import Proposal, Reasoning
from rilearn.row_files import Problem
from rilearn.services import Services
from rilearn.store.filling import Plan, fill
from rilearn.store.reasonings import Reasonings
from rilearn.ui import rate_fill_view as view
from rilearn.ui import rate_requests as sent
from rilearn.ui.rate_caller import Action, Caller
from rilearn.ui.rate_reply import Reply

ENDINGS = (".jsonl", ".csv")
"""Of files: those that are text; a small Parquet file may unpack to any size."""


class Filling:
    """Handlers of what admins do; what the generator writes goes on when the page that began it has closed."""

    def __init__(self, services: Services):
        self._services, self.writing = services, Writing(services)

    def actions(self) -> dict[str, Action]:
        return {
            "fill": Action("admin", sent.Nothing, self.panel),
            "fill-file": Action("admin", sent.FillFile, self.file),
            "fill-write": Action("admin", sent.FillWrite, self.write),
            "fill-state": Action("admin", sent.Nothing, self.state),
            "fill-cancel": Action("admin", sent.Nothing, self.cancel),
        }

    def panel(self, caller: Caller, given: sent.Nothing) -> Reply:
        settings, task = self._services.settings, self._services.task
        sources = {"dataset": f"the dataset ({Path(settings.dataset).name or task.dataset.id})"}
        if (DEMO / task.name).is_dir():
            sources = {"demo": "texts written for this project", **sources}
        generators = list(self._services.generators)
        return Reply(
            {"html": view.forms(generators, sources, settings.batch_mb, settings.batch_rows, self.writing.now)}
        )

    def file(self, caller: Caller, given: sent.FillFile) -> Reply:
        """Queue the rows of a file, or count what would become of them.

        Raises:
            InputError: another kind of file, or too large.
            DataError: the file cannot be read.
        """
        most, raw = self._services.settings.batch_mb, given.text.encode()
        ending = Path(given.name).suffix.lower()
        if ending not in ENDINGS:
            raise InputError(f"'{given.name}' is not a {' or '.join(ENDINGS)} file. Save the rows as one of these.")
        if len(raw) > most * 1_000_000:
            raise InputError(f"'{given.name}' has {len(raw) / 1e6:.1f} MB, the limit is {most} MB. Split it.")
        problems: list[str] = []
        with tempfile.TemporaryDirectory(prefix="rilearn-") as folder:
            path = Path(folder) / f"rows{ending}"
            path.write_bytes(raw)
            rows = self._rows(path, given.name, problems)
            filled = fill(self._services.store.database, rows, _plan(given), given.dry_run)
        if not filled.proposals and not problems:
            raise InputError(f"'{given.name}' has no rows.")
        return Reply({"result": view.added(filled, problems, given.dry_run)})

    def write(self, caller: Caller, given: sent.FillWrite) -> Reply:
        """Let the generator begin, or say which rows it would write for."""
        rows = self._chosen(given)
        if given.dry_run:
            return Reply({"result": view.chosen(rows, given.generator)})
        self.writing.start(given.generator, rows, _plan(given))
        return self.state(caller, sent.Nothing())

    def state(self, caller: Caller, given: sent.Nothing) -> Reply:
        now = self.writing.now
        return Reply({"state": view.state(now), "running": now.state == "running"})

    def cancel(self, caller: Caller, given: sent.Nothing) -> Reply:
        self.writing.cancel()
        return self.state(caller, given)

    def _rows(self, path: Path, name: str, problems: list[str]) -> Iterator[Proposal]:
        about = Reasoning(self._services.task.name, "", "", "", source=name)
        for found in proposals.read(path, self._services.task, about):
            if isinstance(found, Problem):
                problems.append(f"row {found.number}: {found.reason}")
            else:
                yield found

    def _chosen(self, given: sent.FillWrite) -> Chosen:
        task, settings, generators = self._services.task, self._services.settings, self._services.generators
        if given.generator not in generators:
            raise InputError(f"There is no generator '{given.generator}'. Open this panel again.")
        digest = generators[given.generator].ref.digest
        seen = {text_key(text) for text in Reasonings(self._services.store.database).texts_of(task.name, digest)}
        return choose(task, settings, given.source, given.count, seen)


def _plan(given: sent.Fill) -> Plan:
    return Plan(given.ratings, given.everyone)
