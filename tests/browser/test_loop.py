"""The whole loop in a browser, over a base in miniature and with the real trainer: rate, preview, retrain, the gate,
promote, read what the generator writes now, roll back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from rilearn.records import Proposal, Rating, Reasoning
from rilearn.services import Services
from rilearn.settings import Settings
from rilearn.store.annotators import Annotators
from rilearn.store.filling import Plan, fill
from rilearn.store.queue import Queue
from rilearn.store.ratings import Ratings
from tests.browser.pages import NEEDS, PATIENCE, sync_api
from tests.conftest import eventually
from tests.migrated import lay
from tests.tiny import ROOT, build_adapter, build_base

pytestmark = NEEDS
expect = sync_api.expect
LONG = 12 * PATIENCE
"""ms; the trainer shares the machine with the page and its browser."""
RATED = 24
BY_HAND = 10


def recipe(folder: Path, base: Path, adapters: Path) -> Path:
    values = {
        "kind": "retrain",
        "name": "generator",
        "base": str(base),
        "generator": str(adapters / "generator"),
        "reader": str(adapters / "q-a"),
        "cap": 1.0,
        "measured": 6,
        "replay": [{"id": "data/demo/reasoning"}],
        "sft": {"lr": 2e-3, "epochs": 1},
        "training": {"batch": 4, "max_tokens": 400, "max_steps": 2, "threads": 1, "precision": "fp32"},
    }
    path = folder / "retrain.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """24 reasonings in the queue, 14 of them rated by somebody who is not in the browser."""
    base, adapters = build_base(tmp_path / "base"), tmp_path / "adapters"
    for seed, (name, kind) in enumerate((("generator", "generator"), ("q-a", "direct"), ("q-ra", "reasoned"))):
        build_adapter(adapters / name, base, kind, None if kind == "generator" else "emotion", seed)  # type: ignore[arg-type]
    monkeypatch.setenv("RILEARN_CACHE", str(tmp_path / "cache"))
    settings = Settings(
        base=str(base),
        engine="transformers",
        adapters=adapters,
        state=lay(tmp_path / "state"),
        database_url="",
        dataset="data/demo/emotion",
        retrain=recipe(tmp_path, base, adapters),
        gate_classifier_required=False,
        threads=1,
    )
    made = Services(settings)
    database = made.store.database
    lines = (ROOT / "data/demo/emotion/train.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines[:RATED]]
    about = {"source": "demo", "split": "train", "adapter": "generator"}
    fill(
        database,
        [
            Proposal(
                Reasoning("emotion", row["text"], row["label"], f"The words say it, number {i}.", **about), "import"
            )
            for i, row in enumerate(rows)
        ],
        Plan(),
    )
    other, queue = Annotators(database).add("other").id, Queue(database)
    for i in range(RATED - BY_HAND):
        lease = queue.lease(other, f"t{i}", "oldest")
        assert lease is not None
        Ratings(database).rate(other, lease.reasoning_id, Rating("good" if i % 2 else "poor"), f"t{i}")
    made.start()
    yield made
    for job in made.jobs.newest():
        made.jobs.files(job).signal(9)
    made.close()


def hurry(services: Services) -> None:
    """A job gives way to everything else, on purpose; beside other tests that is minutes. Root may undo it."""
    (job,) = services.jobs.newest()
    lock = services.jobs.files(job).path / "lock"
    assert eventually(lambda: lock.read_text().isdigit())
    with suppress(PermissionError, ProcessLookupError):
        os.setpriority(os.PRIO_PGRP, int(lock.read_text()), 0)
        Path(f"/proc/{lock.read_text()}/autogroup").write_text("0")


def test_ratings_become_a_generator_that_is_promoted_and_rolled_back(enter: Any, services: Services) -> None:
    shipped = services.generator
    assert shipped is not None
    page = enter("root", "admin")
    card = page.locator(".rl-rate-card")
    for _ in range(BY_HAND):
        text = card.inner_text()
        page.keyboard.press("g")
        expect(card.or_(page.locator(".rl-done"))).not_to_have_text(text, timeout=PATIENCE)
    expect(page.locator(".rl-done")).to_be_visible(timeout=PATIENCE)

    page.goto(f"{page.url.partition('?')[0]}?tab=retrain")
    page.get_by_label("Then train the classifier through it").uncheck(timeout=LONG)
    page.get_by_label("How to learn").click()
    page.get_by_role("option", name="Approved reasonings").click()
    page.locator("#rl-retrain-preview").click()
    found = page.locator("#rl-retrain-found")
    expect(found).to_contain_text("17 approved", timeout=LONG)
    expect(found).to_contain_text("too little")  # 17 rows, 20 are needed
    expect(page.locator("#rl-retrain-start")).to_be_disabled()
    page.get_by_label("How to learn").click()
    page.get_by_role("option", name="Good and poor ratings (KTO)").click()
    page.locator("#rl-retrain-preview").click()
    expect(found).to_contain_text("17 approved and 7 poor", timeout=LONG)
    page.locator("#rl-retrain-start").click()
    assert eventually(lambda: bool(services.jobs.newest()))
    hurry(services)
    expect(page.locator("#rl-retrain-job")).to_contain_text("Job 1 is done", timeout=LONG)

    page.reload()
    detail = page.locator("#rl-versions-detail")
    expect(detail).to_contain_text("generator v", timeout=LONG)
    expect(page.locator("#rl-versions-ratings")).to_contain_text("24")
    act = page.locator("#rl-versions-promote, #rl-versions-overrule").filter(visible=True)
    overrules = act.get_attribute("id") == "rl-versions-overrule"
    act.click()
    if overrules:
        page.locator("#rl-versions-reason textarea").fill("it is a test of the loop")
    page.locator("#rl-versions-yes").click()
    expect(page.locator("#rl-versions-said")).to_contain_text("is in use now", timeout=LONG)
    now = services.generator
    assert now is not None and now.ref.digest != shipped.ref.digest

    page.reload()
    expect(page.locator("#rl-changed")).to_contain_text("10 ratings", timeout=LONG)
    expect(page.locator("#rl-changed-list")).to_contain_text("writes now", timeout=LONG)
    page.locator("#rl-versions-back").click(timeout=LONG)
    page.locator("#rl-versions-yes").click()
    expect(page.locator("#rl-versions-said")).to_contain_text("in use again", timeout=LONG)
    assert services.generator is not None and services.generator.ref.digest == shipped.ref.digest
    assert page.trouble == []
