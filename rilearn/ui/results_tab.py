"""The Results tab: the report under data/results with its plots and the blind votes in the database, read anew at each
visit; nothing is typed in here."""

from __future__ import annotations

import base64
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from markdown_it import MarkdownIt

from rilearn.services import Services
from rilearn.ui import vote_tab

TITLE = "Results"
REPORT = "report.md"
COMMAND = "python -m training.study_report --out data/results/report.md"


def add(app: gr.Blocks, services: Services) -> None:
    """Put the tab's content into the current `gr.Tab` of `app`."""
    page = gr.HTML(empty(), elem_id="rl-results")
    votes = gr.HTML(elem_id="rl-results-votes")
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}

    def show() -> str:
        return report(services.settings.results)

    app.load(show, None, page, **quiet)
    app.load(partial(vote_tab.standings, services), None, votes, **quiet)  # apart: the report waits for no database


def report(folder: Path) -> str:
    """The report as HTML, its plots inside as images: an SVG in an <img> runs nothing. The folder's text is data too:
    HTML in it is escaped."""
    path = folder / REPORT
    if not path.is_file():
        return empty()
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(path.read_text(encoding="utf-8"))
    for token in tokens:
        for child in token.children or ():
            if child.type == "image":
                child.attrs["src"] = picture(folder, str(child.attrs.get("src", "")))
                child.attrs["loading"] = "lazy"
    return f'<article class="rl-findings">{markdown.renderer.render(tokens, markdown.options, {})}</article>'


def picture(folder: Path, source: str) -> str:
    """A plot of the folder as a data address; empty for anything that is no SVG file inside it."""
    path = (folder / source).resolve()
    if not path.is_relative_to(folder.resolve()) or path.suffix != ".svg" or not path.is_file():
        return ""
    return "data:image/svg+xml;base64," + base64.b64encode(path.read_bytes()).decode()


def empty() -> str:
    return f'<p class="rl-muted">There is no report yet. Write one with:  <code>{COMMAND}</code></p>'
