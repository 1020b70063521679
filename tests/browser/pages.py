"""What the browser tests share: a page of its own for each visitor, and what may be wrong with no page."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from typing import Any

import pytest

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed: pip install -r tests/requirements.txt"
)
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first one there is: the shell draws no window of its own and takes a third less time."""
CHROMIUM = next((path for name in BROWSERS if (path := shutil.which(name))), None)
NEEDS = pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine (apt-get install chromium)")
GO = {
    "compare": "#rl-compare-go",
    "rate": ".rl-rate-box button",
    "insight": "#rl-insight-show",
    "retrain": "#rl-changed-said",
}
"""The button that says a tab is ready."""
PATIENCE = 20_000  # ms; the machines that run this are slow


def open_page(
    browser: Any, url: str, stack: ExitStack, path: str = "", cookies: dict[str, str] | None = None, **options: Any
) -> Any:
    context = browser.new_context(**options)
    context.add_cookies([{"name": name, "value": value, "url": url} for name, value in (cookies or {}).items()])
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.trouble = []
    page.on("console", lambda m: page.trouble.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: page.trouble.append(str(error)))
    page.on("request", lambda r: None if r.url.startswith((url, "data:", "blob:")) else page.trouble.append(r.url))
    stack.callback(context.close)
    page.goto(url + path)
    tab = path.partition("tab=")[2].partition("#")[0]
    go = GO.get(tab, "#rl-go")
    sync_api.expect(page.locator(go).first).to_be_enabled(timeout=PATIENCE)
    return page


# Every visible text of ours against the colours behind it: the texts below WCAG AA (4.5, large 3.0).
CONTRAST = """() => {
  const parse = (c) => (c.match(/[\\d.]+/g) || []).map(Number);
  const lum = ([r, g, b]) => { const f = (v) => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
    return .2126 * f(r) + .7152 * f(g) + .0722 * f(b); };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] === 1) return c; } return [255, 255, 255]; };
  const bad = [];
  const ours = ".rl-header *, .rl-card *, .rl-counter, .rl-example, .rl-title, .rl-agreement *, .rl-report *, " +
    ".rl-needs, .rl-faith *, .rl-share *, .rl-kept *, .rl-blind *, .rl-standings *, .rl-rating *, " +
    ".rl-signin *, .rl-disputed *, .rl-panel *, .rl-retrain *, .rl-job *, .rl-confirm *, label, button";
  for (const e of document.querySelectorAll(ours)) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && /\\p{L}|\\d/u.test(n.textContent));
    if (!own || !e.checkVisibility({visibilityProperty: true}) || e.disabled) continue;
    const style = getComputedStyle(e), a = lum(parse(style.color)), b = lum(behind(e));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05), size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) bad.push(`${ratio.toFixed(2)} ${e.className} ${e.textContent.slice(0, 30)}`);
  }
  return bad;
}"""


def poor_contrast(page: Any) -> list[str]:
    """The texts with too little contrast, in the light scheme and in the dark one."""
    bad = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function("dark => document.body.classList.contains('dark') === dark", arg=scheme == "dark")
        page.wait_for_timeout(400)  # colours that change slowly
        bad += [f"{scheme}: {text}" for text in page.evaluate(CONTRAST)]
    return bad
