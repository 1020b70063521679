"""charts: positions follow the numbers, stay inside the line, and are told to those who cannot see them."""

from __future__ import annotations

import re

from rilearn.ui import charts
from tests.ui.test_render import EVIL, Reader


def test_an_interval_lies_where_its_numbers_are() -> None:
    html = charts.interval("joyful", "80 %", 0.8, 0.6, 0.95, "8 of 10")
    assert "left:60.0%;width:35.0%" in html and '<em style="left:80.0%">' in html
    assert Reader(html).text == "joyful80 %8 of 10"
    beyond = charts.interval("a", "b", -0.2, -0.5, 1.5)
    assert "left:0.0%;width:100.0%" in beyond and '<em style="left:0.0%">' in beyond


def test_stacks_are_as_high_as_their_numbers_and_told_in_words() -> None:
    html = charts.stacks([("2026-01-01", 3, 1), ("2026-01-02", 0, 0), ("2026-01-03", 1, 0)], "good", "poor")
    heights = [float(h) for h in re.findall(r'<rect class="is-low"[^>]* height="([\d.]+)"', html)]
    assert heights[1] == 0 and heights[0] == 3 * heights[2] > 0
    assert 'aria-label="2026-01-01: 3 good, 1 poor; 2026-01-02: 0 good, 0 poor; 2026-01-03: 1 good, 0 poor"' in html
    assert "2026-01-03: 1 good, 0 poor" in Reader(html).text and 'role="img"' in html
    assert "2026-01-01 to 2026-01-03, at most 4" in Reader(html).text
    assert Reader(charts.stacks([], "good", "poor"))


def test_names_are_data() -> None:
    for html in (charts.interval(EVIL, EVIL, 0, 0, 1, EVIL), charts.stacks([(EVIL, 1, 1)] * 4, EVIL, EVIL)):
        assert not {"script", "img"} & set(Reader(html).tags) and "${" not in html
