"""The report's section on what ratings do to the generator: learning curves, orders of the queue, the goal."""

from __future__ import annotations

from typing import Any

from rilearn.gate import Evidence, Thresholds, judge
from rilearn.settings import Settings
from rilearn.statistics import wilson
from training import plots
from training.report_tables import Result

FILE = "feedback-validation.json"
AIMS = {
    "win_rate": ("it wins of the comparisons that are no ties", 0.70),
    "grounded": ("its reasonings name something in the text", 0.90),
    "sufficiency": ("sufficiency rises by", 0.15),
    "restates": ("definitions and mere restatements below", 0.10),
}


def feedback_part(found: Result) -> tuple[str, dict[str, str]]:
    """The section of `training.study_feedback`, and its plots by file name."""
    cells, goal = found["cells"], found["recipe"]["goal"]
    curve = [c for c in cells if c["order"] == goal["order"]]
    orders = [c for c in cells if c["budget"] == found["recipe"]["order_budget"] and c["ratings"] == goal["ratings"]]
    made = {
        "feedback-wins.svg": _curves(curve, found),
        "feedback-sufficiency.svg": _curves(curve, found, "sufficiency"),
    }
    main = next((c for c in cells if _is(c, goal)), None)
    text = f"""## What ratings teach the generator (simulated annotators)

**{found["simulated"]}** {len(found["annotators"])} of them rate what the generator
`{found["parent"]["name"]}` wrote for training rows, through the real queue; it is retrained and compared with itself
before on n = {found["n"]} rows of {found["split"]} that nobody rated, greedily, seed
{found["seed"]}. The judge is not the simulated annotator: fewer plain faults win (a quote that does not stand in the
text, nothing of the text named, another label named, repetition, no end, too long); between equals it
asks the Q->A model, which reads only the words of the text that the reasoning names. A second judge, the bare base,
reads the reasoning alone with the label's words masked. From
[data/results/{FILE}]({FILE}), made by `{found["command"]}`, {found["date"]}.

{_goal(found, main) if main else "The goal was not measured yet."}

{found["recipe"]["caution"]}

![How often the retrained generator wins](plots/feedback-wins.svg "Above one half the retrained generator wins more \
often than it loses against the one they rated; the bars are 95 % intervals.")
![Sufficiency of its reasonings](plots/feedback-sufficiency.svg "How often the words that a reasoning names are enough \
to find the label. The dashed line is the generator before.")

{_table(found, curve)}

Orders of the queue, {found["recipe"]["order_budget"]} ratings each, recipe {goal["ratings"]}:

{_table(found, orders) if orders else "Not measured yet."}
"""
    return text, made


def fresh_part(found: Result) -> tuple[str, dict[str, str]]:
    """The generator that ships against the one before (`training.retrain_generator` wrote the file)."""
    old, new, duel = found["parent"], found["candidate"], found["judge"]
    changes = [
        f"{what} {old[name]:.1%} before, {new[name]:.1%} after"
        for name, what in (
            ("faultless", "without fault"),
            ("misquotes", "a quote that is not there"),
            ("grounded", "grounded"),
            ("restates", "mere restatements"),
            ("sufficiency", "sufficiency"),
        )
    ]
    text = f"""## The generator that ships, retrained on simulated ratings

Against the generator before, on n = {found["n"]} rows of {found["split"]} from row {found["from_row"]} on:
{duel["wins"]} wins, {duel["losses"]} losses, {duel["ties"]} ties. The second judge, the bare base, sees
{found["base_judge"]["wins"]} wins and {found["base_judge"]["losses"]} losses. In detail: {"; ".join(changes)}.
{_practice(found)} On which rows its settings were chosen stands in training/LOG.md. What was aimed at:

{_aims(new, old, duel)}
{_gate(found)}
From [data/results/feedback-fresh-validation.json](feedback-fresh-validation.json), made by `{found["command"]}`,
{found["date"]}. It ships as `generator`, the one before as `generator-stage-1`; what was trained through it as
`q-ra`, the classifier before as `q-ra-stage-1`.
"""
    return text, {}


def _practice(found: Result) -> str:
    """What the ratings alone taught, where a practice came after them."""
    if not (rated := found.get("rated")):
        return "It learnt from the ratings alone."
    return (
        f"First it learnt from the ratings: {rated['judge']['win_rate']:.1%} wins, {rated['misquotes']:.1%} quotes "
        f"that are not there, sufficiency {rated['sufficiency']:.1%}; the second judge sees "
        f"{rated['base_judge']['wins']} wins and {rated['base_judge']['losses']} losses. Then it practised: it "
        "wrote for texts that nobody rated and learnt from what was without the faults that the judge looks for and "
        "whose quotations tell the label to a bag of words, which the simulated annotators' knowledge is too, while "
        "its own words do not give it away (training/practice.py)."
    )


def _gate(found: Result) -> str:
    """What the gate says of what ships, with the bounds of the settings."""
    text = ""
    for role, values in found.get("evidence", {}).items():
        verdict = judge(Evidence.model_validate(values), Thresholds.of(Settings()))
        lines = "".join(f"- {'' if check.passed else '**Not met:** '}{check.words}\n" for check in verdict.checks)
        text += f"\nThe gate {'lets' if verdict.passed else 'does not let'} this {role} pass:\n\n{lines}"
    return text


def _is(cell: Result, goal: Result) -> bool:
    return all(cell[name] == goal[name] for name in ("ratings", "order", "budget"))


def _goal(found: Result, main: Result) -> str:
    return (
        f"The goal, with {main['budget']} ratings, the recipe {main['ratings']} and no practice after them:\n\n"
        f"{_aims(main, found['parent'], main['judge'])}"
    )


def _aims(new: Result, old: Result, duel: Result) -> str:
    """What was aimed at, each with what came out."""
    values = {name: new[name] for name in ("grounded", "restates")}
    values |= {"win_rate": duel["win_rate"], "sufficiency": new["sufficiency"] - old["sufficiency"]}
    low, high = duel["interval"]
    lines = []
    for name, (what, bound) in AIMS.items():
        met = values[name] < bound if name == "restates" else values[name] >= bound
        between = f" (95 % interval {low:.1%} to {high:.1%})" if name == "win_rate" else ""
        lines.append(f"- {what} {bound:.0%}: {values[name]:.1%}{between}, {'met' if met else 'missed'}")
    return "\n".join(lines)


def _curves(cells: list[Result], found: Result, name: str = "win_rate") -> str:
    lines: dict[str, list[tuple[float, float, float, float]]] = {}
    for cell in sorted(cells, key=lambda c: c["budget"]):
        if name == "win_rate":
            value, (low, high) = cell["judge"]["win_rate"], cell["judge"]["interval"]
        else:
            value = cell[name]
            low, high = wilson(round(value * found["n"]), found["n"])
        lines.setdefault(cell["ratings"], []).append((float(cell["budget"]), value, low, high))
    what = "wins against the generator before" if name == "win_rate" else name
    return plots.curves(lines, "ratings", what, log=True, level=0.5 if name == "win_rate" else found["parent"][name])


def _table(found: Result, cells: list[Result]) -> str:
    rows = [
        "| recipe | order | ratings | rows | wins, losses, ties | second judge | without fault | grounded | restate "
        "| sufficiency | words named | loss on general reasoning |",
        "| --- " * 12 + "|",
        f"| before | | | | | | {_rates(found['parent'])} | |",
    ]
    for c in sorted(cells, key=lambda c: (c["budget"], c["ratings"], c["order"])):
        loss = c["general_loss"]
        rows.append(
            f"| {c['ratings']} | {c['order']} | {c['budget']} | {sum(c['rows'].values())} | {_duel(c['judge'])} "
            f"| {_duel(c['base_judge'])} | {_rates(c)} | {loss['before']:.3f} to {loss['after']:.3f} |"
        )
    return "\n".join(rows)


def _duel(duel: dict[str, Any]) -> str:
    return f"{duel['wins']}, {duel['losses']}, {duel['ties']} ({duel['win_rate']:.0%})"


def _rates(one: Result) -> str:
    shares = " | ".join(f"{one[name]:.1%}" for name in ("faultless", "grounded", "restates", "sufficiency"))
    return f"{shares} | {one['mean_named']:.1f}"
