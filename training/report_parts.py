"""The sections of the report: what each says, in Markdown, and the plots that belong to it, by file name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from rilearn.faithfulness import INTERVENTIONS
from rilearn.statistics import wilson
from training import plots
from training.report_feedback import feedback_part, fresh_part
from training.report_tables import (
    Result,
    against,
    attempts_table,
    beside_direct,
    best_direct,
    by_variant,
    paired,
    pooled,
    variant_table,
)

SPLIT = "validation"


def behind(name: str, result: Result) -> str:
    """Where a section's numbers lie and which command made them."""
    file = f"{name}-{SPLIT}.json"
    return f"From [data/results/{file}]({file}), made by `{result['command']}`, {result['date']}."


def label_noise_part(found: Result) -> tuple[str, dict[str, str]]:
    """Rows whose label both models doubt, counted by the pair of labels."""
    rows = ["| the dataset says, both models say | rows |", "| --- | --- |"]
    rows += [f"| {pair} | {count} |" for pair, count in found["pairs"].items()]
    text = f"""## Labels that both models doubt

{found["doubtful"]} of {found["n"]} rows of {found["split"]}: {" and ".join(f"`{name}`" for name in found["adapters"])}
agree on another label than the dataset's, each with at least {found["threshold"]:.0%}. A list of questions for people
to look at, not of errors (after confident learning, Northcutt et al. 2021). {behind("label-noise", found)}

{chr(10).join(rows)}
"""
    return text, {}


PAPER = "q-a-paper-regime"


def study_part(
    study: Result, file: str = "study", heading: str = "Which order learns best"
) -> tuple[str, dict[str, str]]:
    """A study's section, and its plot by file name."""
    image = f"{file}-curves.svg"
    found = by_variant(study["cells"])
    lines = {n: [(float(b), *pooled(c)) for b, c in sorted(cells.items())] for n, cells in found.items()}
    plot = plots.curves(lines, "training rows (and, at one batch size, steps)", f"accuracy, {study['split']}", log=True)
    text = f"""## {heading}

Every variant starts at the bare base and sees the same rows in as many steps, but for the paper's regime, whose steps
hold more rows. n = {study["n"]} rows of {study["split"]}; in brackets the number of seeds.
{behind(file, study)}

![Accuracy of each variant against its training rows](plots/{image} "Higher is better. Where a curve that \
reasons lies above q-a, reasoning helped with that many rows; the bars are 95 % intervals.")

{variant_table(found)}

Against q-a, paired over the same rows, with 95 % intervals (Newcombe 1998, method 10):

{against(found, "q-a")}

Q->RA against Q->A in the paper's likely regime, where Q->A takes far fewer steps:

{against({name: found[name] for name in ("q-ra", PAPER) if name in found}, PAPER) or "Not measured yet."}
"""
    return text, {image: plot}


def answering_part(answering: Result) -> tuple[str, dict[str, str]]:
    ways = answering["ways"]
    points = {
        n: [(w["tokens"], w["accuracy"], *wilson(w["correct"].count("1"), answering["n"]))] for n, w in ways.items()
    }
    best = answering.get("direct", "direct")
    rows = [f"| way | accuracy | against {best} | tokens written |", "| --- | --- | --- | --- |"]
    for name, way in ways.items():
        gap, low, high = paired(way["correct"], ways[best]["correct"])
        difference = f"{100 * gap:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
        rows.append(f"| {name} | {way['accuracy']:.1%} | {difference} | {way['tokens']:.1f} |")
    fits = {n: ways[n]["calibration"] for n in ("direct", "one reasoning", "one reasoning x direct") if n in ways}
    told = ", ".join(f"{name} {fit['error']:.3f}" for name, fit in fits.items())
    bins = {n: [(b["confidence"], b["accuracy"]) for b in fit["bins"]] for n, fit in fits.items()}
    text = f"""## Ways to answer with the reasoning model

`direct` is this model on its prompt without reasoning. Differences are in points, paired over the same rows, with 95 %
intervals (Newcombe 1998, method 10). `{answering["adapter"]}`, n = {answering["n"]} rows of {answering["split"]}.
{behind("answering", answering)}

![Accuracy of each way of answering against the tokens it writes](plots/answering.svg "Up and to the left is better: \
right more often, with less writing.")

{chr(10).join(rows)}

How far confidence is from accuracy (expected calibration error over 15 bins, Guo et al. 2017): {told}.
{temperature_words(answering.get("temperature"))}

![Accuracy against confidence](plots/reliability.svg "On the dotted line a model is right as often as it says. Below \
the line it is too sure of itself, above it not sure enough.")
"""
    return text, {
        "answering.svg": plots.curves(points, "tokens written for a text", "accuracy"),
        "reliability.svg": plots.reliability(bins),
    }


def temperature_words(found: Result | None) -> str:
    if not found:
        return "No temperature was fitted."
    each = "; ".join(
        f"{name}: temperature {w['temperature']:.2f}, error {w['before']:.3f} before and {w['after']:.3f} after"
        for name, w in found["ways"].items()
    )
    seen = max(w["accuracy_there"] for w in found["ways"].values())
    return (
        f"Temperatures fitted on {found['n']} rows of {found['split']} (models that have learnt those rows are surer "
        f"of them than of new ones: up to {seen:.1%} of them are answered right): {each}."
    )


def faithfulness_part(found: Result) -> tuple[str, dict[str, str]]:
    """What interventions on the reasoning did to the answer, and what the reasoning gives away."""
    rows = ["| the reasoning is ... | answers changed | 95 % interval | fall of the answer's probability | n |"]
    rows.append("| --- " * 5 + "|")
    for name, one in found["interventions"].items():
        low, high = one["interval"]
        rows.append(
            f"| {INTERVENTIONS[name]} | {one['rate']:.1%} | {low:.1%} to {high:.1%} | {one['drop']:.2f} | {one['n']} |"
        )
    evidence, leak = found["evidence"], found["leak"]
    told = (
        f"From the reasoning alone a plain probe tells the label in {leak['full']:.1%} of cases, in "
        f"{leak['without_labels']:.1%} with label words masked (the most frequent label: {leak['majority']:.1%})."
        if "full" in leak
        else leak["none_because"]
    )
    shares = {INTERVENTIONS[n]: one["rate"] for n, one in found["interventions"].items()}
    text = f"""## Does the reasoning do anything?

`{found["adapter"]}`, evidence judged by `{found["reader"]}`, n = {found["n"]} rows of {found["split"]}.
{behind("faithfulness", found)}

![How often the answer changes when the reasoning is removed or altered](plots/faithfulness.svg "A long bar: the \
answer hangs on this part of the reasoning. A short one: the model would have said the same anyway.")

{chr(10).join(rows)}

The words of the text that the reasoning names give the same answer alone in {evidence["only_gives_answer"]:.1%} of
cases, all other words of the text in {evidence["rest_gives_answer"]:.1%} (after ERASER, DeYoung et al. 2020).
{found["grounded"]:.1%} of the reasonings name a word of the text, {found["tautology"]:.1%} only restate the label.
{told}
"""
    return text, {"faithfulness.svg": plots.levels(shares, "answers changed")}


def shipped_part(rows: Sequence[Result], attempts: Sequence[Result]) -> tuple[str, dict[str, str]]:
    """Per-class bars and confusion matrices of the shipped adapters, and the attempts on the way to them."""
    shipped = [r for r in rows if "confusion" in r and r["name"].endswith("(shipped)")]
    tried = f"\nWhat was tried, oldest first:\n\n{attempts_table(attempts, best_direct(shipped))}\n" if attempts else ""
    made = {f"confusion-{r['adapter']}.svg": plots.matrix(r["confusion"], r["labels"], r["adapter"]) for r in shipped}
    made["per-class.svg"] = plots.bars(
        {r["adapter"]: {label: c["f1"] for label, c in r["per_class"].items()} for r in shipped}, "F1"
    )
    caption = "Rows are the dataset's labels, columns the model's. What lies off the diagonal is wrong."
    images = "\n".join(
        f'![Confusion matrix of {r["adapter"]}](plots/confusion-{r["adapter"]}.svg "{r["adapter"]}. {caption}")'
        for r in shipped
    )
    made_by = "\n".join(f"- `{r['adapter']}`: `{r['command']}`, {r['date']}" for r in shipped)
    text = f"""## Where the shipped models err

{beside_direct(shipped)}
{tried}
![F1 of each label](plots/per-class.svg "F1 joins two shares: how many texts of a label were found, and how many that \
got the label have it. 1 is perfect.")

{images}

Kept in the adapters' manifests:

{made_by}
"""
    return text, made


PARTS: dict[str, Callable[[Result], tuple[str, dict[str, str]]]] = {
    "faithfulness": faithfulness_part,
    "answering": answering_part,
    "study": study_part,
    "study-larger": partial(study_part, file="study-larger", heading="The same with more rows"),
    "feedback": feedback_part,
    "feedback-fresh": fresh_part,
    "label-noise": label_noise_part,
}
"""Which file of results makes which section."""
