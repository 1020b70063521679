"""The Compare tab in a real browser, over a slow fake engine: two columns that grow, and a batch with a broken row."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from rilearn.records import AdapterRef, Prompt
from rilearn.settings import Settings
from tests.browser.pages import NEEDS, PATIENCE, poor_contrast, sync_api
from tests.conftest import REASONING, FakeEngine, eventually

pytestmark = NEEDS
expect = sync_api.expect
LINK = "?tab=compare&text=what%20a%20day&label=joy"
EVIL = "<img src=x onerror=window.hit=1><script>window.hit=1</script> ${window.hit=1} {{window.hit}}"


class Engine(FakeEngine):
    """As the fake, but without reasoning it tells texts apart: those with 'good' in them lead to the second label."""

    def score(
        self, prompts: Sequence[Prompt], choices: Sequence[str], adapter: AdapterRef | None = None
    ) -> list[list[float]]:
        self.prompts.extend(p.text for p in prompts)
        led = [int("Reasoning:" in p.text or "good" in p.text) for p in prompts]
        return [[-0.5 if i == lead else -2.5 for i, _ in enumerate(choices)] for lead in led]


@pytest.fixture
def engine() -> FakeEngine:
    return Engine(pause=0.08)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"dataset": str(Path(__file__).parents[2] / "data" / "demo" / "emotion")})


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Six rows: the first three with labels, the fourth broken, the fifth without a label, the sixth too long."""
    path = tmp_path / "my rows.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Text", "Label"])
        writer.writerow([f"=1+1 {EVIL}", "sadness"])
        writer.writerow(["what a bad day", "joy"])
        writer.writerow(["what a good day", "joy"])
        writer.writerow(["", "joy"])
        writer.writerow(["what a day", ""])
        writer.writerow(["x" * 1001, "joy"])
    return path


def comparison(page: Any, state: str) -> Any:
    found = page.locator(f".rl-comparison.is-{state}")
    expect(found).to_be_visible(timeout=PATIENCE)
    return found


def column(page: Any, model: str) -> Any:
    return page.locator(f'article[aria-label="{model}"]')


def many(page: Any, file: Path | None = None) -> None:
    page.get_by_role("tab", name="Many texts").click()
    if file:
        page.set_input_files("#rl-many-file input[type=file]", str(file))
        expect(page.locator("#rl-many-file")).to_contain_text(".csv", timeout=PATIENCE)
    page.locator("#rl-many-go").click()


def report(page: Any, state: str) -> Any:
    found = page.locator(f".rl-report.is-{state}")
    expect(found).to_be_visible(timeout=PATIENCE)
    return found


def test_a_link_fills_the_page_in_and_both_columns_stream_and_nothing_jumps(visit: Any, engine: FakeEngine) -> None:
    page = visit(path=LINK)
    box = page.locator("#rl-compare-text textarea")
    expect(box).to_have_value("what a day")
    expect(page.get_by_label("True label, if you know it")).to_have_value("joy")
    assert engine.opened == 0  # filled in, not run
    before = page.locator(".rl-comparison").bounding_box()
    box.press("Enter")
    expect(column(page, "q-ra").locator(".rl-reasoning")).to_contain_text("The words", timeout=PATIENCE)
    assert column(page, "q-a").locator(".rl-label").text_content() == "sadness"  # already there
    expect(page.locator(".rl-agreement")).to_have_text("Waiting for q-ra …")
    done = comparison(page, "done")
    assert "They disagree: sadness against joy. Only q-ra is right." in done.locator(".rl-agreement").inner_text()
    assert column(page, "q-a").locator(".rl-mark").inner_text().endswith("wrong")
    assert column(page, "q-ra").locator(".rl-mark").inner_text().endswith("right")
    assert column(page, "q-ra").locator(".rl-reasoning").inner_text() == REASONING
    assert re.search(r"tokens\s+17", column(page, "q-ra").locator(".rl-facts").inner_text())
    left, right = (column(page, model).bounding_box() for model in ("q-a", "q-ra"))
    assert left["y"] == right["y"] and left["height"] == right["height"] and left["x"] < right["x"]
    assert page.locator(".rl-comparison").bounding_box() == before
    expect(page.locator("#rl-compare-go")).to_be_enabled()
    assert page.trouble == []


def test_an_example_is_compared_with_one_click(visit: Any) -> None:
    page = visit(path="?tab=compare")
    example = page.locator(".rl-example:visible").first
    said = example.text_content()
    example.click()
    done = comparison(page, "done")
    expect(page.locator("#rl-compare-text textarea")).to_have_value(said)
    assert "They disagree" in done.locator(".rl-agreement").inner_text()
    assert page.trouble == []


def test_a_text_alone_opens_the_tab_and_the_link_is_copied(visit: Any) -> None:
    page = visit(
        path="?text=so%20good&tab=compare&models=gpt&label=nonsense", permissions=["clipboard-read", "clipboard-write"]
    )
    expect(page.get_by_label("True label, if you know it")).to_have_value("not known")
    page.locator("#rl-compare-link").click()
    expect(page.locator(".rl-copied")).to_have_text("The link is copied.")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link.endswith("/?tab=compare&text=so+good&models=q-a%2Cq-ra")
    page.goto(link.replace("tab=compare&", ""))
    expect(page.locator("#rl-compare-text textarea")).to_have_value("so good", timeout=PATIENCE)
    assert page.trouble == []


def test_cancel_keeps_what_was_written_and_mistakes_are_told(visit: Any, engine: FakeEngine) -> None:
    engine.pause = 1.0  # a busy machine takes seconds between the first words and the click
    page = visit(path=LINK)
    page.locator("#rl-compare-go").click()
    expect(column(page, "q-ra").locator(".rl-reasoning")).to_contain_text("The words", timeout=PATIENCE)
    page.locator("#rl-compare-cancel").click()
    stopped = comparison(page, "stopped")
    assert "Stopped before q-ra had answered." in stopped.inner_text() and "The words" in stopped.inner_text()
    assert eventually(lambda: engine.running == 0) and (engine.closed, engine.finished) == (1, 0)
    page.locator("#rl-compare-text textarea").fill(" ")
    page.locator("#rl-compare-go").click()
    assert "There is no text yet" in comparison(page, "error").inner_text()
    page.locator("#rl-compare-models").get_by_role("button", name=re.compile("Remove.*q-a|Remove")).first.click()
    page.locator("#rl-compare-text textarea").fill("what a day")
    page.locator("#rl-compare-go").click()
    expect(page.locator(".rl-comparison.is-error")).to_contain_text("at least two different models", timeout=PATIENCE)
    assert page.locator("#rl-compare-text textarea").input_value() == "what a day" and page.trouble == []


def test_a_batch_with_broken_rows_is_counted_filtered_sorted_and_downloaded(
    visit: Any, rows: Path, engine: FakeEngine, tmp_path: Path
) -> None:
    engine.reasoning = EVIL
    page = visit(path=LINK, accept_downloads=True)
    many(page, rows)
    expect(page.get_by_role("progressbar", name="Rows done")).to_be_visible(timeout=PATIENCE)
    done = report(page, "done")
    said = done.inner_text().replace("\u00a0", " ")
    assert "4 rows of my_rows.csv" in said or "4 rows of my rows.csv" in said
    assert "same answer on 1 of 4" in said and "Only q-a is right on 1 row, only q-ra on 1" in said
    assert "Row 4 The text is empty." in said and "Row 6 This text has 1,001 characters" in said
    assert page.evaluate("window.hit") is None and done.locator("img").count() == 0
    numbers = lambda: done.locator('tbody tr:visible td[data-name="Row"]').all_inner_texts()  # noqa: E731
    assert numbers() == ["1", "2", "3", "5"]
    for name, shown in (("Disagree", ["1", "2", "5"]), ("Only q-a right", ["1"]), ("Only q-ra right", ["2"])):
        done.get_by_label(name).check()
        assert numbers() == shown, name
    done.get_by_label("All").check()
    row = done.get_by_role("columnheader", name="Row")
    row.get_by_role("button").click()
    assert numbers() == ["5", "3", "2", "1"] and row.get_attribute("aria-sort") == "descending"
    done.get_by_role("button", name="True label").click()
    assert numbers()[0] == "5" and numbers()[-1] == "1"  # none, joy, joy, sadness
    saved = {}
    for kind in ("csv", "parquet"):
        with page.expect_download() as download:
            page.locator(f"#rl-many-{kind}").click()
        saved[kind] = tmp_path / download.value.suggested_filename
        download.value.save_as(saved[kind])
    with saved["csv"].open(encoding="utf-8-sig", newline="") as file:
        cells = list(csv.DictReader(file))
    assert saved["csv"].name == "rilearn-emotion-q-a-q-ra.csv"
    assert [row["row"] for row in cells] == ["1", "2", "3", "4", "5", "6"]
    assert cells[0]["text"] == f"'=1+1 {EVIL}" and cells[0]["q-ra_reasoning"] == EVIL
    assert cells[3]["problem"] == "The text is empty."
    exact = pq.read_table(saved["parquet"]).to_pylist()
    assert exact[0]["text"] == f"=1+1 {EVIL}" and sum(
        json.loads(exact[0]["q-a_probabilities"]).values()
    ) == pytest.approx(1)
    assert page.trouble == []


def test_a_sample_is_cancelled_and_counted_and_a_visitor_is_served_meanwhile(visit: Any, engine: FakeEngine) -> None:
    page, visitor = visit(path=LINK), visit()
    page.get_by_role("tab", name="Many texts").click()
    page.get_by_label("A sample of the dataset").check()
    page.get_by_label("Split").click()
    page.get_by_role("option", name="train").click()
    page.get_by_label("Rows", exact=True).fill("40")
    page.locator("#rl-many-go").click()
    expect(page.locator(".rl-count")).to_contain_text(
        re.compile(r"[1-9]\d* of 40 rows · same answer on"), timeout=PATIENCE
    )
    visitor.locator("#rl-text textarea").fill("what a day")
    visitor.locator("#rl-text textarea").press("Enter")
    expect(visitor.locator(".rl-card.is-done")).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".rl-report.is-streaming")).to_be_visible()
    page.locator("#rl-many-cancel").click()
    stopped = report(page, "stopped")
    assert re.search(r"Stopped after \d+ of 40 rows of .*emotion \(train, seed 0\)", stopped.inner_text())
    assert eventually(lambda: engine.running == 0)
    expect(page.locator("#rl-many-csv")).to_be_visible(timeout=PATIENCE)
    assert stopped.locator("tbody tr").count() < 40 and page.trouble == visitor.trouble == []


def test_a_second_batch_waits_for_the_first(visit: Any, rows: Path, engine: FakeEngine) -> None:
    engine.pause = 0.3
    first, second = visit(path=LINK), visit(path=LINK)
    for page in (first, second):
        many(page, rows)
    expect(second.get_by_text(re.compile("queue: 1/1"))).to_be_visible(timeout=PATIENCE)
    expect(first.locator(".rl-count")).to_contain_text("of 4 rows", timeout=PATIENCE)
    assert second.locator(".rl-report.is-empty").is_visible() and engine.together <= 2
    first.locator("#rl-many-cancel").click()
    expect(second.locator(".rl-count")).to_contain_text("of 4 rows", timeout=PATIENCE)
    assert first.trouble == second.trouble == []


def test_files_that_cannot_be_used_are_told(visit: Any, tmp_path: Path, engine: FakeEngine) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("id,headline\n1,x\n")
    page = visit(path=LINK)
    many(page)
    assert "There is no file yet" in report(page, "error").inner_text()
    many(page, bad)
    expect(page.locator(".rl-report.is-error")).to_contain_text("Its columns: id, headline", timeout=PATIENCE)
    assert page.locator("#rl-many-files").is_hidden() and engine.opened == 0 and page.trouble == []


def test_a_phone_stacks_the_columns_without_sideways_scroll_and_text_has_contrast(
    visit: Any, rows: Path, engine: FakeEngine
) -> None:
    engine.pause = 0.0
    page = visit(path=LINK, viewport={"width": 360, "height": 740})
    page.locator("#rl-compare-go").click()
    comparison(page, "done")
    upper, lower = (column(page, model).bounding_box() for model in ("q-a", "q-ra"))
    assert upper["x"] == lower["x"] and upper["y"] + upper["height"] < lower["y"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 360 and poor_contrast(page) == []
    many(page, rows)
    report(page, "done")
    page.mouse.move(0, 0)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360 and poor_contrast(page) == []
    assert page.trouble == []
