"""What the report says in short: does reasoning first help, does the answer hang on it, where does it help to learn."""

from __future__ import annotations

from collections.abc import Sequence

from rilearn.faithfulness import OTHER, REMOVED, SAME
from training.report_tables import Result, best_direct, by_variant, gaps, paired


def summary(shipped: Sequence[Result], faithfulness: Result | None, study: Result | None) -> str:
    """Three questions of somebody who reads no further, each answered from the files."""
    lines = [f"- **Does reasoning first help?** {' '.join(answers)}"] if (answers := _helps(shipped)) else []
    if faithfulness:
        lines.append(f"- **Does the answer hang on the reasoning?** {_hangs(faithfulness)}")
    if study:
        lines.append(f"- **Does it help to learn from few examples?** {_learns(study)}")
    return "\n".join(lines)


def _helps(shipped: Sequence[Result]) -> list[str]:
    """An answer for each model that reasons, the one a visitor meets first: its parents have its name and more."""
    direct = best_direct(shipped)
    if direct is None:
        return []
    told = []
    reasoned = [r for r in shipped if r["kind"] == "reasoned" and len(r.get("correct", "")) == len(direct["correct"])]
    for one in sorted(reasoned, key=lambda r: str(r["adapter"])):
        gap, low, high = paired(one["correct"], direct["correct"])
        told.append(
            f"`{one['adapter']}`, which reasons first, is right on {one['accuracy']:.1%} of {one['n']} texts, "
            f"`{direct['adapter']}`, which answers at once, on {direct['accuracy']:.1%}: {_verdict(low, high)} "
            f"({100 * gap:+.1f} points, 95 % interval {100 * low:+.1f} to {100 * high:+.1f})."
        )
    return told


def _verdict(low: float, high: float) -> str:
    if low > 0:
        return "it helps"
    return "it costs accuracy" if high < 0 else "a difference that may be chance"


def _hangs(found: Result) -> str:
    rate = {name: one["rate"] for name, one in found["interventions"].items()}
    return (
        f"Without that of `{found['adapter']}`, {rate[REMOVED]:.1%} of the answers are others; with the reasoning of a "
        f"text of another label in its place {rate[OTHER]:.1%}, of a text of the same label {rate[SAME]:.1%} "
        f"(n = {found['n']})."
    )


def _learns(study: Result) -> str:
    found = by_variant(study["cells"])
    if "q-a" not in found:
        return "Not measured yet."
    told = []
    for budget in sorted(found["q-a"]):
        here = [(name, low, high) for name, rows, _, low, high in gaps(found, "q-a") if rows == budget]
        better = [f"`{name}`" for name, low, _ in here if low > 0]
        worse = [f"`{name}`" for name, _, high in here if high < 0]
        told.append(
            f"With {budget} rows {_all(better)} learn{_s(better)} more than `q-a`, {_all(worse)} less."
            if here
            else f"With {budget} rows nothing was set beside `q-a`."
        )
    return " ".join(told) + " What is not named differs by no more than chance may do."


def _all(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names) if names else "none"


def _s(names: Sequence[str]) -> str:
    return "" if len(names) > 1 else "s"
