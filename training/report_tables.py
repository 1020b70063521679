"""Markdown tables of the report: systems by accuracy, variants by training rows, paired differences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rilearn.statistics import paired_difference, wilson

Result = dict[str, Any]
AIM_ACCURACY, AIM_GAP, AIM_PARSED = 0.93, -0.005, 0.995
"""What a reasoning model should reach: accuracy, lower end of the interval to the best direct one, parse rate."""


def accuracy_table(rows: Sequence[Result]) -> str:
    lines = [
        "| system | accuracy | 95 % interval | macro-F1 | n | training rows |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for r in rows:
        if r.get("published"):
            lines.append(f"| {r['name']} | {r['accuracy']:.1%} | published, not measured here | | | |")
            continue
        low, high = wilson(round(r["accuracy"] * r["n"]), r["n"])
        measured = f"{r['accuracy']:.1%} | {low:.1%} to {high:.1%} | {r['macro_f1']:.1%}"
        lines.append(f"| {r['name']} | {measured} | {r['n']} | {r['rows']} |")
    return "\n".join(lines)


def paired(one: str, other: str) -> tuple[float, float, float]:
    """The difference of two accuracies and its 95 % interval, from which rows were right (see `metrics.hits`)."""
    return paired_difference(*([hit == "1" for hit in side] for side in (one, other)))


def by_variant(cells: Sequence[Result]) -> dict[str, dict[int, list[Result]]]:
    """variant -> training rows -> the cells of its seeds."""
    found: dict[str, dict[int, list[Result]]] = {}
    for cell in cells:
        if cell["rows"]:
            found.setdefault(cell["variant"], {}).setdefault(cell["rows"], []).append(cell)
    return found


def pooled(cells: Sequence[Result]) -> tuple[float, float, float]:
    """Mean accuracy over seeds, with Wilson's interval for one seed's number of rows: seeds see the same rows."""
    mean = sum(c["accuracy"] for c in cells) / len(cells)
    return mean, *wilson(mean * cells[0]["n"], cells[0]["n"])


def variant_table(found: Mapping[str, Mapping[int, Sequence[Result]]]) -> str:
    budgets = sorted({b for cells in found.values() for b in cells})
    lines = ["| variant | " + " | ".join(f"{b} rows" for b in budgets) + " | steps | parse rate |"]
    lines.append("| --- " * (len(budgets) + 3) + "|")
    for name, cells in found.items():
        shown = [f"{pooled(cells[b])[0]:.1%} ({len(cells[b])})" if b in cells else "" for b in budgets]
        last = cells[max(cells)]
        steps = ", ".join(str(cells[b][0]["steps"]) if b in cells else "" for b in budgets)
        parse = sum(c["parse_rate"] for c in last) / len(last)
        lines.append(f"| {name} | " + " | ".join(shown) + f" | {steps} | {parse:.1%} |")
    return "\n".join(lines)


def gaps(
    found: Mapping[str, Mapping[int, Sequence[Result]]], reference: str
) -> Iterator[tuple[str, int, float, float, float]]:
    """(variant, rows, difference to `reference`, its 95 % interval), paired over the rows of all seeds both have."""
    for name, cells in found.items():
        for budget in sorted(set(cells) & set(found.get(reference, {}))):
            other = {c["seed"]: c["correct"] for c in found[reference][budget]}
            pairs = [(c["correct"], other[c["seed"]]) for c in cells[budget] if c["seed"] in other]
            if name != reference and pairs:
                yield name, budget, *paired(*("".join(side) for side in zip(*pairs, strict=True)))


def against(found: Mapping[str, Mapping[int, Sequence[Result]]], reference: str) -> str:
    """Each variant's difference to `reference` at each budget, a line each."""
    return "\n".join(
        f"- {name}, {budget} rows: {100 * gap:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})"
        for name, budget, gap, low, high in gaps(found, reference)
    )


def beside_direct(shipped: Sequence[Result]) -> str:
    """Each shipped reasoning model against the best direct one, paired over the rows both were measured on, and
    against what was aimed at."""
    whole = [r for r in shipped if "correct" in r]
    direct = best_direct(shipped)
    lines = []
    for one in whole:
        if direct is None or one["kind"] == "direct" or one["dataset_fingerprint"] != direct["dataset_fingerprint"]:
            continue
        if one["n"] != direct["n"]:
            continue
        a, b = one["correct"], direct["correct"]
        gap, low, high = paired(a, b)
        aims = [
            (f"accuracy of {AIM_ACCURACY:.0%}", one["accuracy"] - AIM_ACCURACY),
            (f"lower end of that interval at {100 * AIM_GAP:+.1f} points", low - AIM_GAP),
            (f"parse rate of {AIM_PARSED:.1%}", one["parse_rate"] - AIM_PARSED),
        ]
        met = [f"{what}: " + ("met" if by >= 0 else f"missed by {-100 * by:.2f} points") for what, by in aims]
        only = [sum(x > y for x, y in pairs) for pairs in (zip(a, b, strict=True), zip(b, a, strict=True))]
        lines.append(
            f"`{one['adapter']}` against `{direct['adapter']}`, the same {one['n']} rows: {100 * gap:+.2f} points "
            f"(95 % interval {100 * low:+.2f} to {100 * high:+.2f}); {only[0]} rows are right with reasoning "
            f"only, {only[1]} without only. Its own text names a label in {one['parse_rate']:.1%} of cases. "
            f"Aimed at: {'; '.join(met)}."
        )
    return "\n\n".join(lines)


def attempts_table(attempts: Sequence[Result], direct: Result | None) -> str:
    """One row an attempt, paired with `direct` where both were kept row by row over the same rows."""
    lines = ["| attempt | accuracy | n | against the best direct model | parse rate | date |", "| --- " * 6 + "|"]
    for one in attempts:
        gap = "rows were not kept"
        if direct and (correct := one.get("correct")):
            difference, low, high = paired(correct, direct["correct"][: len(correct)])  # fewer rows are the first ones
            gap = f"{100 * difference:+.2f} ({100 * low:+.2f} to {100 * high:+.2f})"
        measured = f"{one['accuracy']:.2%} | {one['n']} | {gap} | {one['parse_rate']:.1%} | {one['date']}"
        lines.append(f"| {one['note']} | {measured} |")
    return "\n".join(lines)


def best_direct(shipped: Sequence[Result]) -> Result | None:
    """The most accurate shipped model that answers at once, of those kept row by row."""
    direct = [r for r in shipped if r["kind"] == "direct" and "correct" in r]
    return max(direct, key=lambda r: r["accuracy"], default=None)
