"""The Results tab: the report under data/results with its plots and the blind votes in the database, read anew at each
visit; nothing is typed in here."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from rilearn.services import Services
from rilearn.ui import vote_tab
from rilearn.ui.live import QUIET
from rilearn.ui.render import esc

TITLE = "Results"
REPORT = "report.md"
COMMAND = "python -m training.study_report --out data/results/report.md"


def add(app: gr.Blocks, services: Services) -> None:
    """Put the tab's content into the current `gr.Tab` of `app`."""
    page = gr.HTML(empty(), elem_id="rl-results")
    votes = gr.HTML(elem_id="rl-results-votes")

    def show() -> str:
        return report(services.settings.results)

    app.load(show, None, page, **QUIET)
    app.load(partial(vote_tab.standings, services), None, votes, **QUIET)  # apart: the report waits for no database


def report(folder: Path) -> str:
    """The report as HTML, its plots inside as images: an SVG in an <img> runs nothing. The folder's text is data too:
    HTML in it is escaped."""
    path = folder / REPORT
    if not path.is_file():
        return empty()
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(path.read_text(encoding="utf-8"))
    for child in (child for token in tokens for child in token.children or ()):
        if child.type == "image":
            child.attrs["src"] = inline(folder, str(child.attrs.get("src", "")), ".svg")
            child.attrs["loading"] = "lazy"
        if child.type == "link_open" and (data := inline(folder, name := str(child.attrs.get("href", "")), ".json")):
            child.attrs |= {"href": data, "download": name}
    markdown.add_render_rule("image", figure)
    return f'<article class="rl-findings">{markdown.renderer.render(tokens, markdown.options, {})}</article>'


def figure(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """An image with its Markdown title as the caption under it."""
    caption = tokens[index].attrs.pop("title", "")
    image = renderer.image(tokens, index, options, env)
    return f'<span class="rl-figure" role="group">{image}<small>{esc(str(caption))}</small></span>'


def inline(folder: Path, source: str, suffix: str) -> str:
    """A file of the folder as a data address; empty for anything but a file of this type inside it."""
    path = (folder / source).resolve()
    if not path.is_relative_to(folder.resolve()) or path.suffix != suffix or not path.is_file():
        return ""
    return f"data:{_TYPES[suffix]};base64,{base64.b64encode(path.read_bytes()).decode()}"


_TYPES = {".svg": "image/svg+xml", ".json": "application/json"}


def empty() -> str:
    return f'<p class="rl-muted">There is no report yet. Write one with:  <code>{COMMAND}</code></p>'
