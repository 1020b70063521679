"""The report on everything measured: one Markdown file and its plots, made from the files under data/results alone.

python -m training.study_report --out data/results/report.md
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from rilearn.adapters import list_adapters
from rilearn.settings import Settings
from training.report_parts import PARTS, SPLIT, shipped_part
from training.report_summary import summary
from training.report_tables import Result, accuracy_table
from training.stage import ROOT, parser, run


def systems(results: Path, adapters: Path) -> list[Result]:
    """Everything with an accuracy: published, baselines, zero-shot base, shipped adapters; least accurate first."""
    rows: list[Result] = []
    for system in _read(results / "published.json")["systems"]:
        rows.append({**system, "n": None, "rows": None, "published": True})
    baselines = _read(results / f"baselines-{SPLIT}.json")
    for name, system in baselines["systems"].items():
        rows.append({"name": name, **system, "n": baselines["n"], "rows": baselines["train_rows"]})
    study = results / f"study-{SPLIT}.json"
    if study.exists():
        for cell in _read(study)["cells"]:
            if cell["variant"] == "zero-shot":
                rows.append({**cell, "name": "zero-shot base", "source": study.name})
    for adapter in list_adapters(adapters)[0]:
        if found := adapter.manifest.evaluation.get(SPLIT):
            named = {"adapter": adapter.name, "name": f"{adapter.name} (shipped)"}
            rows.append({**found, **named, "rows": adapter.manifest.data["rows"]})
    return sorted(rows, key=lambda r: r["accuracy"])


def named_now(found: Result, names: Mapping[str, str]) -> Result:
    """A result whose adapters have the names that they go by now; `names` is the digest of the weights -> name.

    A file holds the names of its day and the digests; what was the default may be a parent since.
    """

    def now(name: str, digest: str) -> str:
        return names.get(digest, f"{name}, no longer shipped")

    changed: Result = {}
    if "adapter_sha256" in found:
        changed["adapter"] = now(found["adapter"], found["adapter_sha256"])
    if "adapters" in found:
        changed["adapters"] = {now(name, digest): digest for name, digest in found["adapters"].items()}
    return {**found, **changed}


def main(argv: list[str]) -> None:
    given = parser(__doc__, recipe=False).parse_args(argv)
    results = ROOT / "data" / "results"
    rows = systems(results, Settings().adapters)
    attempts = [_read(path) for path in sorted((results / "attempts").glob("*.json"))]
    names = {adapter.ref.digest: adapter.name for adapter in list_adapters(Settings().adapters)[0]}
    files = {name: results / f"{name}-{SPLIT}.json" for name in PARTS}
    found = {name: named_now(_read(path), names) for name, path in files.items() if path.exists()}
    parts = [shipped_part(rows, attempts), *(PARTS[name](result) for name, result in found.items())]
    folder = given.out.parent / "plots"
    folder.mkdir(parents=True, exist_ok=True)
    for _, made in parts:
        for name, svg in made.items():
            (folder / name).write_text(svg, encoding="utf-8")
    head = (
        f"# What was measured\n\nMade by `python -m training.study_report`; {SPLIT} split.\n\n"
        f"{summary([r for r in rows if 'kind' in r], found.get('faithfulness'), found.get('study'))}\n\n"
        f"{accuracy_table(rows)}\n"
    )
    given.out.write_text("\n".join([head, *(text for text, _ in parts)]), encoding="utf-8")
    print(f"written to {given.out}")


def _read(path: Path) -> Result:
    result: Result = json.loads(path.read_text(encoding="utf-8"))
    return result


if __name__ == "__main__":
    run(main)
