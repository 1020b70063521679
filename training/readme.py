"""Write the measured table into README.md from the files that hold the numbers; nothing is typed in.

python -m training.readme
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from rilearn.adapters import load_adapter
from rilearn.services import PREFERRED, PREFERRED_DIRECT
from training.stage import ROOT

BEGIN, END = "<!-- measured: python -m training.readme -->", "<!-- /measured -->"
SPLIT = "validation"


def table(adapters: Path, results: Path) -> str:
    """The Markdown table and the sentence under it, from manifests and baseline files.

    Rows are sorted by accuracy; each names its n, so a number on fewer rows is not taken for one on all.
    """
    rows: list[tuple[float, str]] = []
    found: dict[str, dict[str, Any]] = {}
    for folder in sorted(p.parent for p in adapters.glob("*/manifest.json")):
        manifest = load_adapter(folder).manifest
        if result := manifest.evaluation.get(SPLIT):
            if manifest.name in (PREFERRED, PREFERRED_DIRECT):  # what a visitor meets, not what it was made from
                found[manifest.kind] = result
            path = f"[`data/adapters/{folder.name}/manifest.json`](data/adapters/{folder.name}/manifest.json)"
            rows.append(_row(f"`{manifest.name}`", result["n"], manifest.data["rows"], result, path))
    baselines = results / f"baselines-{SPLIT}.json"
    values = json.loads(baselines.read_text(encoding="utf-8"))
    path = f"[`data/results/{baselines.name}`](data/results/{baselines.name})"
    for name, system in values["systems"].items():
        rows.append(_row(name, values["n"], values["train_rows"], system, path))
    head = "| system | accuracy | macro-F1 | n | training rows | from |\n| --- | --- | --- | --- | --- | --- |\n"
    text = f"Measured on dair-ai/emotion, {SPLIT} split:\n\n" + head
    return text + "\n".join(line for _, line in sorted(rows, reverse=True)) + "\n" + _verdict(found)


def _row(name: str, n: int, train: int, result: dict[str, Any], path: str) -> tuple[float, str]:
    accuracy, f1 = result["accuracy"], result["macro_f1"]
    return accuracy, f"| {name} | {accuracy:.1%} | {f1:.1%} | {n} | {train} | {path} |"


def _verdict(found: dict[str, dict[str, Any]]) -> str:
    if not {"direct", "reasoned"} <= found.keys():
        return ""
    if found["direct"]["n"] != found["reasoned"]["n"]:
        return "\nThe two adapters were measured on different numbers of rows: do not subtract their accuracies.\n"
    gap = 100 * (found["reasoned"]["accuracy"] - found["direct"]["accuracy"])
    word = "higher" if gap >= 0 else "lower"
    said = (
        f"{abs(gap):.1f} points {word} than answering straight away"
        if round(gap, 1)
        else "right as often as answering straight away"
    )
    return (
        f"\nReasoning first is {said} here. "
        f"{found['reasoned']['parse_rate']:.1%} of its answers have the form asked for.\n"
    )


def renewed(readme: str, adapters: Path, results: Path) -> str:
    """README text with the part between the marks written anew."""
    block = f"{BEGIN}\n{table(adapters, results)}{END}"
    return re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: block, readme, flags=re.DOTALL)


def main() -> None:
    readme = ROOT / "README.md"
    text = renewed(readme.read_text(encoding="utf-8"), ROOT / "data" / "adapters", ROOT / "data" / "results")
    readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
