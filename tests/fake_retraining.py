"""A command that behaves like training.retrain_generator: works for a while, then leaves an adapter and its evidence.

python -m tests.fake_retraining OUT SEED PARENT [steps=N] [pause=SECONDS] [wins=N]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rilearn.adapters import load_adapter
from rilearn.gate import Duel, Evidence, Paired
from tests import fake_job
from tests.candidates import make_candidate


def leave(out: Path, seed: int, parent: str, wins: int) -> None:
    """What a finished run leaves beside rows.jsonl, which is there."""
    if not (out / "generator").exists():
        make_candidate(out / "generator", "generator", seed, parents={"generator": parent})
    made = load_adapter(out / "generator").ref.digest
    evidence = Evidence(
        role="generator",
        candidate=made,
        current=parent,
        texts=100,
        judge=Duel(wins=wins, losses=100 - wins),
        classifier=Paired(both=80, only_candidate=6, only_current=4, neither=10),
        parse_rate=1.0,
        mean_words=18.2,
        leak=0.31,
        current_leak=0.35,
        restatement=0.04,
        grounded=0.93,
    )
    (out / "evidence.json").write_text(evidence.model_dump_json())
    learnt = [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]
    held = [(f"a held-out text, number {i}", "joy", "test") for i in range(3)]
    with (out / "reasonings.jsonl").open("w") as file:
        for by, texts in ((made, [*((row["text"], row["label"], "") for row in learnt), *held]), (parent, held)):
            for text, label, split in texts:
                says = f"{'It names ' + text.split()[-1] if by == made else label + ' is a feeling'}."
                row = {"text": text, "label": label, "reasoning": says, "split": split, "adapter_digest": by}
                file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    given = {k: float(v) for k, v in (word.split("=") for word in sys.argv[4:])}
    fake_job.main(Path(sys.argv[1]), int(given["steps"]), given["pause"])
    leave(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(given["wins"]))
