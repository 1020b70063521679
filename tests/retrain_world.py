"""A project with ratings of three people and a retraining that takes no time, for the tests of the Retrain tab."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.requests import Request

from rilearn.gate import Verdict
from rilearn.job_command import Command
from rilearn.jobs import JobRunner
from rilearn.records import Rating, Reasoning
from rilearn.retrained import take_in
from rilearn.retraining import KIND, Choice, preview, rules
from rilearn.services import Services
from rilearn.settings import Settings
from rilearn.store.annotators import Annotator, Annotators
from rilearn.store.edits import Edits
from rilearn.store.logins import Logins
from rilearn.store.passphrases import Guesses
from rilearn.store.ratings import Ratings
from rilearn.store.reasonings import Reasonings
from rilearn.store.versions import Versions
from tests.candidates import make_shipped
from tests.conftest import FakeEngine
from tests.fake_retraining import leave
from tests.migrated import lay
from tests.tiny import ROOT

DEMO = str(ROOT / "data" / "demo" / "emotion")
EVIL = "<img src=x onerror=window.hit=1> ${window.hit=1} {{window.hit}}"


class World:
    """Admin root, annotators ann and bob; `steps` and `pause` say how long a retraining takes, `wins` of 100 how good
    what it makes is."""

    def __init__(self, root: Path, texts: int = 24):
        adapters = make_shipped(root / "adapters")
        folders = {"adapters": adapters, "cache": root / "cache", "state": lay(root / "state"), "dataset": DEMO}
        settings = Settings(**folders, database_url="", parallel=2)
        self.services = Services(settings, lambda *_: FakeEngine())
        self.services.jobs = JobRunner(
            self.services.store, settings.state_dir / "jobs", {KIND: self.command}, self.services._retrained
        )
        self.steps, self.pause, self.wins, self.seed = 2, 0.0, 80, 1
        self.database = self.services.store.database
        annotators = Annotators(self.database)
        self.root = annotators.add("root", "admin")
        self.ann, self.bob = annotators.add("ann"), annotators.add("bob")
        self.rate(texts)

    def rate(self, texts: int, first: int = 0, away: Annotator | None = None) -> None:
        """Ann and bob, if not away, say good of every second reasoning and poor of the others; ann corrects every
        fourth."""
        ratings, edits, labels = Ratings(self.database), Edits(self.database), self.services.task.labels
        generator = self.services.generator
        assert generator is not None
        for i in range(first, first + texts):
            label = labels[i % len(labels)]
            says = f"{label.title()} is a feeling. {EVIL if i == 0 else ''}".strip()
            made = Reasoning(
                "emotion", f"what a day, number {i}", label, says, "test", adapter_digest=generator.ref.digest
            )
            (item,) = Reasonings(self.database).add([made])
            here = [who for who in (self.ann, self.bob) if who != away]
            for who in here:
                verdict = "good" if i % 2 == 0 else "poor"
                comment = EVIL if i == 0 else ""
                ratings.rate(who.id, item, Rating(verdict, comment=comment), f"t{i}")  # type: ignore[arg-type]
            if i % 4 == 1 and self.ann in here:
                edits.edit(self.ann.id, item, f"The words day and {i} show {label}.", f"e{i}")

    def command(self, given: dict[str, Any], out: Path) -> Command:
        words = [sys.executable, "-m", "tests.fake_retraining", *self._begun(given, out)]
        return Command([*words, f"steps={self.steps}", f"pause={self.pause}", f"wins={self.wins}"])

    def _begun(self, given: dict[str, Any], out: Path) -> list[str]:
        """Write what is learnt; gives the folder, the seed and the digest of the generator in use."""
        since = datetime.fromisoformat(given["since"]) if given["since"] else None
        by = rules(self.services.settings, self.services.task, given["recipe"])
        made = preview(self.database, self.services.task, Choice(given["recipe"], since), by)
        rows = ({"text": r.text, "label": r.label, "because": r.because} for r in made.curated.rows)
        (out / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        generator = self.services.generator
        assert generator is not None
        return [str(out), str(self.seed), generator.ref.digest]

    def login(self, name: str) -> str:
        """The secret of a session."""
        who = Annotators(self.database).find(name)
        assert who is not None
        return Logins(self.database, Guesses()).begin(who.id)

    def sent(self, secret: str | None) -> gr.Request:
        """A request with this session's cookie."""
        cookie = f"{self.services.visitors.login_cookie}={secret}".encode()
        headers = [] if secret is None else [(b"cookie", cookie)]
        scope = {"type": "http", "method": "POST", "path": "/", "headers": headers, "query_string": b""}
        return gr.Request(Request(scope))

    def by(self, who: Annotator) -> gr.Request:
        return self.sent(self.login(who.name))

    def retrained(self, since: datetime | None = None) -> str:
        """The digest of a candidate, made here instead of in a job, of all ratings or of those since a moment."""
        out = self.services.settings.state_dir / f"made-{self.seed}"
        out.mkdir()
        _, _, parent = self._begun({"recipe": "mixed", "since": since.isoformat() if since else None}, out)
        leave(out, self.seed, parent, self.wins)
        self.seed += 1
        take_in(self.database, self.services.settings, out)
        return Versions(self.database).all("generator")[-1].digest

    def promoted(self, since: datetime | None = None) -> str:
        """The digest of a candidate that is in use."""
        digest = self.retrained(since)
        made = Versions(self.database).find(digest)
        assert made is not None and made.verdict is not None
        verdict = Verdict.model_validate(made.verdict)
        self.services.uptake.promote("generator", Path(made.folder), verdict, self.root.id, f"promoted {self.seed}")
        return digest

    def rolled_back(self, digest: str) -> None:
        """This one, which is in use, makes way for the one before."""
        self.services.uptake.rollback("generator", self.root.id, f"back {self.seed}", digest, "worse")
