"""Small plots as HTML and inline SVG, in the page's own colours, so that they are read in light and dark alike."""

from __future__ import annotations

from collections.abc import Sequence

from rilearn.ui.render import esc

WIDTH, HEIGHT = 720, 130


def interval(name: str, said: str, at: float, low: float, high: float, *facts: str) -> str:
    """One row of a list with class rl-wins: a value with its interval on a line, both from 0 (left) to 1 (right).

    The line is dashed in the middle. `said` is the value in words, `facts` what stands below it; names and facts are
    plain text.
    """
    left, right = max(0.0, low), min(1.0, high)
    lines = "".join(f'<span class="rl-facts-line">{esc(fact)}</span>' for fact in facts if fact)
    return (
        f'<li><b>{esc(name)}</b><span class="rl-rate">{esc(said)}</span>'
        f'<span class="rl-interval" aria-hidden="true"><i style="left:{left * 100:.1f}%;'
        f'width:{(right - left) * 100:.1f}%"></i><em style="left:{min(1.0, max(0.0, at)) * 100:.1f}%"></em></span>'
        f"{lines}</li>"
    )


def stacks(bars: Sequence[tuple[str, int, int]], lower: str, upper: str) -> str:
    """Bars of two parts as SVG, side by side: (name, lower part, upper part) each; the legend says what the parts are.

    Each bar tells its numbers when pointed at, the whole to those who cannot see it.
    """
    most = max((low + high for _, low, high in bars), default=0) or 1
    step = WIDTH / max(len(bars), 12)
    wide = f'width="{step * 0.8:.1f}"'
    scale = HEIGHT / most
    shapes = []
    for i, (name, low, high) in enumerate(bars):
        at = f'x="{(i + 0.1) * step:.1f}" {wide}'
        middle, top = HEIGHT - low * scale, HEIGHT - (low + high) * scale
        shapes.append(
            f"<g><title>{esc(f'{name}: {low:,} {lower}, {high:,} {upper}')}</title>"
            f'<rect class="is-low" {at} y="{middle:.1f}" height="{HEIGHT - middle:.1f}"/>'
            f'<rect class="is-high" {at} y="{top:.1f}" height="{middle - top:.1f}"/></g>'
        )
    told = "; ".join(f"{name}: {low} {lower}, {high} {upper}" for name, low, high in bars)
    # Words stand beside the drawing, not in it: there they would shrink with it on a phone.
    ends = f"{bars[0][0]} to {bars[-1][0]}, at most {most:,}" if bars else ""
    return (
        f'<svg class="rl-stacks" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{esc(told)}">{"".join(shapes)}'
        f'</svg><p class="rl-key"><i class="is-low"></i>{esc(lower)} <i class="is-high"></i>{esc(upper)}</p>'
        f'<p class="rl-muted">{esc(ends)}</p>'
    )
