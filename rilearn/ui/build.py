"""Build the Gradio app over the services, apart from launching it; `page` is what `launch` needs to look right."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr

from rilearn.services import Services
from rilearn.ui import classify_tab, render, results_tab
from rilearn.ui.theme import theme

TABS = (classify_tab, results_tab)
"""Modules with a TITLE and `add(app, services)`: another tab is one more file and one more entry."""
HERE = Path(__file__).resolve().parent
ICON = "data:image/svg+xml," + quote(render.LOGO.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" '))


def build(services: Services) -> gr.Blocks:
    """The app with its queue set; nothing is loaded and nothing is launched."""
    # Analytics off: the app calls nobody.
    with gr.Blocks(title="rilearn", analytics_enabled=False) as app:
        gr.HTML(render.header())
        with gr.Tabs(elem_id="rl-tabs"):
            for tab in TABS:
                with gr.Tab(tab.TITLE, id=tab.TITLE.lower()):
                    tab.add(app, services)
    return app.queue(max_size=services.settings.queue)


def page() -> dict[str, Any]:
    """Arguments of `launch` that make the page: looks, MCP, and what Gradio would otherwise record or show.

    Server name and port stay with Gradio's own GRADIO_SERVER_NAME and GRADIO_SERVER_PORT.
    """
    script = (HERE / "app.js").read_text(encoding="utf-8")
    return {
        "theme": theme(),
        "css_paths": HERE / "app.css",
        "head": f'<link rel="icon" href="{ICON}"><script>{script}</script>',
        "footer_links": ["api", "settings"],
        "mcp_server": True,
        "run_history": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "share": False,
    }
