"""The Results tab: the report with its plots inside, its words as data, and what stands there without one."""

from __future__ import annotations

import time
from pathlib import Path

from rilearn.settings import Settings
from rilearn.ui import results_tab

SVG = '<svg xmlns="http://www.w3.org/2000/svg"><script>window.hit=1</script></svg>'


def folder(tmp_path: Path, text: str) -> Path:
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "a.svg").write_text(SVG)
    (tmp_path / "report.md").write_text(text)
    return tmp_path


def test_tables_and_plots_are_shown_with_their_descriptions(tmp_path: Path) -> None:
    text = "# Measured\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n![What it shows](plots/a.svg)\n"
    html = results_tab.report(folder(tmp_path, text))
    assert "<h1>Measured</h1>" in html and "<td>2</td>" in html
    assert 'src="data:image/svg+xml;base64,' in html and 'alt="What it shows"' in html and "<script" not in html


def test_captions_are_shown_and_files_of_results_can_be_had(tmp_path: Path) -> None:
    (tmp_path / "study.json").write_text('{"n": 5}')
    text = '![What it shows](plots/a.svg "Long is <b>good</b>.")\n\nFrom [study.json](study.json), [x](../y.json).\n'
    html = results_tab.report(folder(tmp_path, text))
    assert "<small>Long is &lt;b&gt;good&lt;/b&gt;.</small>" in html and 'alt="What it shows"' in html
    assert 'href="data:application/json;base64,eyJuIjogNX0=" download="study.json"' in html
    assert html.count("download=") == 1


def test_html_and_foreign_files_stay_out(tmp_path: Path) -> None:
    (tmp_path.parent / "secret.svg").write_text(SVG)
    text = "<img src=x onerror=hit()> ![x](../secret.svg) ![y](https://example.org/a.svg) [z](javascript:hit())\n"
    html = results_tab.report(folder(tmp_path, text))
    assert "<img src=x" not in html and "base64" not in html and "example.org" not in html
    assert 'href="javascript' not in html


def test_without_a_report_the_command_is_named(tmp_path: Path) -> None:
    assert results_tab.COMMAND in results_tab.report(tmp_path)


def test_the_shipped_report_is_there_and_fast() -> None:
    start = time.monotonic()
    html = results_tab.report(Settings().results)
    assert time.monotonic() - start < 2 and html.count("<img") >= 3
    assert html.count("data:image/svg+xml;base64") == html.count("<img") == html.count("<small>")
