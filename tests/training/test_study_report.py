"""The report: its numbers are those of the files, its plots are whole SVG files that do not run anything."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from rilearn import faithfulness
from rilearn.statistics import paired_difference
from training import plots, report_parts, report_summary, report_tables, study_report

ROOT = Path(__file__).resolve().parents[2]


def made_cell(variant: str, rows: int, seed: int, correct: str) -> dict[str, Any]:
    share = correct.count("1") / len(correct)
    fixed = {"macro_f1": 0.5, "parse_rate": 0.975, "steps": rows // 16, "n": len(correct)}
    return {"variant": variant, "rows": rows, "seed": seed, "correct": correct, "accuracy": share, **fixed}


STUDY = {
    "split": "validation",
    "n": 8,
    "command": "python -m training.study",
    "date": "2026-01-02",
    "cells": [
        made_cell("zero-shot", 0, 0, "10000000"),
        made_cell("q-a", 160, 0, "11110000"),
        made_cell("q-a", 160, 1, "11111100"),
        made_cell("q-ra", 160, 0, "11110110"),
        made_cell("q-ra", 160, 2, "00000000"),
    ],
}


def test_the_study_is_told_as_its_cells_have_it() -> None:
    text, made = report_parts.study_part(STUDY)
    assert "| q-a | 62.5% (2) | 10 | 97.5% |" in text  # the mean of two seeds
    assert "| q-ra | 37.5% (2) |" in text
    gap, low, high = paired_difference([c == "1" for c in "11110110"], [c == "1" for c in "11110000"])
    assert f"- q-ra, 160 rows: {100 * gap:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})" in text  # seed 0 alone
    assert text.index("likely regime") < text.index("Not measured yet.")
    few = {**STUDY, "cells": [*STUDY["cells"], made_cell("q-a-paper-regime", 160, 0, "10000000")]}
    gap, low, high = paired_difference([c == "1" for c in "11110110"], [c == "1" for c in "10000000"])
    lead = f"- q-ra, 160 rows: {100 * gap:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})"
    assert lead in report_parts.study_part(few)[0].partition("likely regime")[2]
    assert "zero-shot" not in text and list(made) == ["study-curves.svg"]


def test_adapters_have_the_names_they_go_by_now() -> None:
    digest = "1" * 64
    found = {"n": 4, "adapter": "candidate", "adapter_sha256": digest, "adapters": {"old": "0" * 64, "new": digest}}
    named = {"adapter": "q-ra", "adapters": {"old, no longer shipped": "0" * 64, "q-ra": digest}}
    assert study_report.named_now(found, {digest: "q-ra"}) == {**found, **named}
    assert study_report.named_now({"n": 4}, {digest: "q-ra"}) == {"n": 4}


def test_ways_of_answering_stand_against_the_direct_one() -> None:
    fit = {"error": 0.125, "bins": [{"low": 0.4, "high": 0.6, "count": 4, "confidence": 0.5, "accuracy": 0.625}]}
    ways = {
        "direct": {"accuracy": 0.5, "correct": "1100", "tokens": 0.0, "calibration": fit},
        "one reasoning": {"accuracy": 0.75, "correct": "1110", "tokens": 21.4, "calibration": fit},
    }
    answering = {"ways": ways, "n": 4, "adapter": "q-ra", "split": "validation", "command": "c", "date": "d"}
    text, made = report_parts.answering_part(answering)
    assert "direct 0.125, one reasoning 0.125" in text and set(made) == {"answering.svg", "reliability.svg"}
    assert "| direct | 50.0% | +0.0 (" in text and "| one reasoning | 75.0% | +25.0 (" in text and "| 21.4 |" in text


def test_the_committed_numbers_make_a_report(tmp_path: Path) -> None:
    study_report.main(["--out", str(tmp_path / "report.md")])
    text = (tmp_path / "report.md").read_text()
    assert "published, not measured here" in text and "tfidf-linear-svm" in text and "q-ra (shipped)" in text
    images = re.findall(r"!\[[^\]]{10,}\]\((plots/[\w.-]+) \"[^\"]{20,}\"\)", text)
    assert images and all((tmp_path / image).exists() for image in images)
    assert text.count("![") == len(images), "an image without a description"


@pytest.mark.parametrize(
    "svg",
    [
        plots.curves(
            {"one": [(1, 0.5, 0.4, 0.6), (10, 0.7, 0.6, 0.8)], "<script>": [(1, 0.2, 0, 0.3)]}, "x", "y", True
        ),
        plots.bars({"a": {"x": 1.0, "y": 0.5}, "b": {"y": 0.2}}, "F1"),
        plots.matrix([[5, 1], [0, 7]], ["x", "<b>"], "title"),
        plots.reliability({"a": [(0.2, 0.1), (0.9, 0.95)]}),
    ],
)
def test_plots_are_svg_without_scripts(svg: str) -> None:
    root = ElementTree.fromstring(svg)
    assert root.tag.endswith("svg") and not [e for e in root.iter() if e.tag.endswith("script")]
    assert plots.INK in svg


def test_the_same_data_give_the_same_file() -> None:
    drawn = [plots.bars({"a": {"x": 1.0}}, "F1") for _ in range(2)]
    assert drawn[0] == drawn[1]


def test_a_reasoning_model_is_set_beside_the_best_direct_one() -> None:
    common = {"n": 6, "dataset_fingerprint": "f", "parse_rate": 1.0}
    worse = {**common, "adapter": "old", "kind": "direct", "accuracy": 0.5, "correct": "111000"}
    best = {**common, "adapter": "q-a", "kind": "direct", "accuracy": 4 / 6, "correct": "111100"}
    reasoned = {**common, "adapter": "q-ra", "kind": "reasoned", "accuracy": 0.5, "correct": "110010"}
    said = report_tables.beside_direct([worse, best, reasoned])
    assert said.startswith("`q-ra` against `q-a`, the same 6 rows: -16.67 points")
    assert "1 rows are right with reasoning only, 2 without only" in said and "in 100.0% of cases" in said
    assert "accuracy of 93%: missed by 43.00 points" in said and "parse rate of 99.5%: met" in said
    assert report_tables.beside_direct([{**best, "dataset_fingerprint": "other"}, reasoned]) == ""
    assert report_tables.beside_direct([reasoned]) == ""


def test_attempts_stand_against_the_direct_model_where_their_rows_were_kept() -> None:
    common = {"parse_rate": 1.0, "date": "2026-01-02", "kind": "reasoned"}
    direct = {**common, "kind": "direct", "n": 4, "accuracy": 0.75, "correct": "1110"}
    kept = {**common, "note": "one thing", "n": 4, "accuracy": 0.5, "correct": "1100"}
    fewer = {**common, "note": "another", "n": 2, "accuracy": 0.5}
    first = {**common, "note": "a third", "n": 2, "accuracy": 0.5, "correct": "10"}
    table = report_tables.attempts_table([kept, fewer, first], report_tables.best_direct([kept, direct]))
    gap, low, high = paired_difference([True, True, False, False], [True, True, True, False])
    assert f"| one thing | 50.00% | 4 | {100 * gap:+.2f} ({100 * low:+.2f} to {100 * high:+.2f}) | 100.0% |" in table
    assert "| another | 50.00% | 2 | rows were not kept |" in table
    gap, low, high = paired_difference([True, False], [True, True])
    assert f"| a third | 50.00% | 2 | {100 * gap:+.2f} ({100 * low:+.2f} to {100 * high:+.2f}) |" in table


def test_the_summary_answers_from_the_files() -> None:
    common = {"n": 4, "parse_rate": 1.0}
    direct = {**common, "adapter": "q-a", "kind": "direct", "accuracy": 0.5, "correct": "1100"}
    reasoned = {**common, "adapter": "q-ra", "kind": "reasoned", "accuracy": 0.75, "correct": "1110"}
    rates = {faithfulness.REMOVED: 0.25, faithfulness.OTHER: 0.5, faithfulness.SAME: 0.125}
    found = {"n": 8, "adapter": "q-ra", "interventions": {name: {"rate": rate} for name, rate in rates.items()}}
    cells = [made_cell("q-a", 160, 0, "1" * 40 + "0" * 40), made_cell("q-ra", 160, 0, "0" * 80)]
    told = report_summary.summary([direct, reasoned], found, {"cells": [*cells, made_cell("q-ar", 160, 0, "1" * 80)]})
    helps, hangs, learns = told.split("\n")
    assert "on 75.0% of 4 texts" in helps and "a difference that may be chance (+25.0 points" in helps
    assert "25.0% of the answers" in hangs and "in its place 50.0%, of a text of the same label 12.5% (n = 8)" in hangs
    assert "With 160 rows `q-ar` learns more than `q-a`, `q-ra` less." in learns
    assert report_summary.summary([reasoned], None, None) == ""
    sure = [{**one, "correct": one["correct"][:3] * 40, "n": 120} for one in (direct, reasoned)]
    assert "it helps" in report_summary.summary(sure, None, None)
    swapped = [{**sure[0], "kind": "reasoned"}, {**sure[1], "kind": "direct"}]
    assert "it costs accuracy" in report_summary.summary(swapped, None, None)
