"""Build the Gradio app over the services, apart from launching it; `page` is what `launch` needs to look right."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr
from starlette.middleware import Middleware

from rilearn.services import Services
from rilearn.ui import classify_tab, compare_tab, insight_tab, rate_tab, render, results_tab, retrain_tab
from rilearn.ui.identity import VisitorCookie
from rilearn.ui.rate_routes import routes
from rilearn.ui.theme import theme

TABS = (classify_tab, compare_tab, rate_tab, insight_tab, retrain_tab, results_tab)
"""Modules with a TITLE and `add(app, services)`: another tab is one more file and one more entry."""
HERE = Path(__file__).resolve().parent
RATE = tuple(f"rate_{part}.js" for part in ("state", "cards", "paint", "panels", "acts", "keys", "page"))
"""The Rate tab's script: one after another in one scope of its own."""
ICON = "data:image/svg+xml," + quote(render.LOGO.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" '))


def build(services: Services) -> gr.Blocks:
    """The app with its queue set; nothing is loaded and nothing is launched."""
    # Analytics off: the app calls nobody. Files that visitors brought or took are deleted within two hours.
    with gr.Blocks(title="rilearn", analytics_enabled=False, delete_cache=(3600, 3600)) as app:
        gr.HTML(render.header())
        with gr.Tabs(elem_id="rl-tabs") as tabs:
            for tab in TABS:
                with gr.Tab(tab.TITLE, id=tab.TITLE.lower()):
                    tab.add(app, services)
        app.load(opened, None, tabs, api_visibility="private", show_progress="hidden", queue=False)
    return app.queue(max_size=services.settings.queue)


def opened(request: gr.Request) -> Any:
    """The tab that a link asks for with `?tab=`; a link with a `?text=` alone opens the comparison."""
    names = [tab.TITLE.lower() for tab in TABS]
    wanted = request.query_params.get("tab") or ("compare" if request.query_params.get("text") else "")
    return gr.Tabs(selected=wanted) if wanted in names else gr.skip()


def page(services: Services) -> dict[str, Any]:
    """Arguments of `launch` that make the page: looks, MCP, visitors' cookies, the Rate tab's routes, and what Gradio
    would otherwise record or show.

    Server name and port stay with Gradio's own GRADIO_SERVER_NAME and GRADIO_SERVER_PORT.
    """
    scripts = (_text("app.js"), f"(() => {{\n{''.join(map(_text, RATE))}}})();")
    return {
        "theme": theme(),
        "css_paths": [HERE / "app.css", HERE / "rate.css", HERE / "retrain.css"],
        "head": f'<link rel="icon" href="{ICON}">' + "".join(f"<script>{script}</script>" for script in scripts),
        "footer_links": ["api", "settings"],
        "mcp_server": True,
        "app_kwargs": {
            "middleware": [Middleware(VisitorCookie, visitors=services.visitors)],
            "routes": routes(services),
        },
        "max_file_size": f"{services.settings.batch_mb}mb",
        "run_history": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "share": False,
    }


def _text(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
