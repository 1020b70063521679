"""Plots of results as SVG strings, readable on light and dark pages: no background, mid-grey text, strong lines."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.figure import Figure

INK = "#767b84"  # AA contrast on the theme's light and on its dark background
COLORS = ("#3b6fd4", "#c4561c", "#2f9060", "#9a55c7", "#b58a12", "#cf3f6b", "#2a93a5", "#7d7d3a", "#8b5a4b")
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*", "<")
Curve = Sequence[tuple[float, float, float, float]]
"""Points (x, y, low, high)."""

matplotlib.rcParams.update(
    {
        "svg.fonttype": "none",
        "svg.hashsalt": "rilearn",  # the same data give the same file
        "font.family": "sans-serif",
        "font.size": 10,
        **{key: INK for key in ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")},
    }
)


def curves(lines: Mapping[str, Curve], x: str, y: str, log: bool = False, level: float | None = None) -> str:
    """Lines with their intervals as whiskers, told apart by colour and by mark; a dashed line at `level`."""
    figure, axes = _axes()
    if level is not None:
        axes.axhline(level, color=INK, linestyle="--", linewidth=1)
    for i, (name, points) in enumerate(lines.items()):
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        spread = [[p[1] - p[2] for p in points], [p[3] - p[1] for p in points]]
        style: dict[str, Any] = {"color": COLORS[i % len(COLORS)], "marker": MARKS[i % len(MARKS)], "label": name}
        axes.errorbar(xs, ys, yerr=spread, capsize=2, elinewidth=0.8, linewidth=1.6, markersize=5, **style)
    if log:
        axes.set_xscale("log")
        ticks = sorted({p[0] for points in lines.values() for p in points})
        axes.set_xticks(ticks, [f"{t:g}" for t in ticks], minor=False)
        axes.minorticks_off()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return _svg(figure)


def bars(groups: Mapping[str, Mapping[str, float]], y: str) -> str:
    """Grouped bars: series name -> category -> value."""
    figure, axes = _axes()
    categories = list(dict.fromkeys(c for values in groups.values() for c in values))
    width = 0.8 / len(groups)
    for i, (name, values) in enumerate(groups.items()):
        at = [k + (i - (len(groups) - 1) / 2) * width for k in range(len(categories))]
        axes.bar(at, [values.get(c, 0.0) for c in categories], width * 0.92, color=COLORS[i % len(COLORS)], label=name)
    axes.set_xticks(range(len(categories)), categories)
    axes.set_ylabel(y)
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return _svg(figure)


def levels(values: Mapping[str, float], x: str) -> str:
    """Bars to the right, one a name, for names too long to stand under an axis."""
    figure = Figure(figsize=(7.6, 0.45 * len(values) + 0.8))
    axes = figure.add_subplot()
    axes.barh(list(values)[::-1], list(values.values())[::-1], color=COLORS[0])
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.set_xlabel(x)
    axes.set_xlim(0, 1)
    return _svg(figure)


def matrix(counts: Sequence[Sequence[int]], labels: Sequence[str], title: str) -> str:
    """A confusion matrix: rows are the dataset's labels, columns the model's; colour is the share of the row."""
    figure = Figure(figsize=(4.4, 3.9))
    axes = figure.add_subplot()
    shares = [[n / max(1, sum(row)) for n in row] for row in counts]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for i, row in enumerate(counts):
        for j, n in enumerate(row):
            axes.text(
                j, i, str(n), ha="center", va="center", color="white" if shares[i][j] > 0.5 else "#1c2333", fontsize=8
            )
    axes.set_xticks(range(len(labels)), labels, rotation=40, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("predicted")
    axes.set_ylabel("in the dataset")
    axes.set_title(title, fontsize=10)
    return _svg(figure)


def reliability(series: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Accuracy against confidence, one line a model; the diagonal is perfect calibration."""
    figure, axes = _axes((4.6, 3.6))
    axes.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=":")
    for i, (name, points) in enumerate(series.items()):
        style: dict[str, Any] = {"color": COLORS[i % len(COLORS)], "marker": MARKS[i % len(MARKS)], "label": name}
        axes.plot([p[0] for p in points], [p[1] for p in points], markersize=4, linewidth=1.6, **style)
    axes.set_xlabel("confidence")
    axes.set_ylabel("accuracy")
    axes.legend(frameon=False, fontsize=8)
    return _svg(figure)


def _axes(size: tuple[float, float] = (7.6, 3.8)) -> tuple[Figure, Any]:
    figure = Figure(figsize=size)
    axes = figure.add_subplot()
    axes.grid(axis="y", color=INK, alpha=0.25, linewidth=0.6)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def _svg(figure: Figure) -> str:
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, bbox_inches="tight", metadata={"Date": None})
    return out.getvalue()
