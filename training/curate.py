"""What people said of reasonings as rows to train on: shows what a run would learn from, and can write it.

python -m training.curate --from-state ~/.local/state/rilearn
python -m training.curate --from-export export/ --recipe kto --out rows.jsonl
python -m training.curate --from-db postgresql://localhost/rilearn --since 2026-05-01 --dataset data/demo/emotion

The rules are those of `rilearn.curation`. Texts of the dataset's evaluation splits never become rows.
"""

from __future__ import annotations

from pathlib import Path

from rilearn.curation import missing, sort_out
from rilearn.curation_preview import told
from rilearn.errors import DataError
from rilearn.settings import Settings
from rilearn.tasks import load_task
from training.feedback import feedback_arguments, read_feedback, rules_of, write_rows
from training.stage import parser, run


def main(argv: list[str]) -> None:
    arguments = parser(__doc__, recipe=False, out=False)
    feedback_arguments(arguments)
    arguments.add_argument("--task", help="a file under data/tasks/; the app's own if left out")
    arguments.add_argument("--show", type=int, default=20, help="how many rows to print")
    arguments.add_argument("--out", type=Path, help="write the rows here, one a line (.jsonl)")
    given = arguments.parse_args(argv)
    settings = Settings()
    task = load_task(given.task or settings.task)
    given.dataset = given.dataset or settings.dataset or None
    rules = rules_of(given, task)
    curated = sort_out(*read_feedback(given, task), rules)
    print(told(curated, rules, given.show))
    if given.out:
        if lack := missing(curated, rules):
            raise DataError(f"Nothing was written. {lack}")
        write_rows(curated.rows, given.out)
        print(f"\n{len(curated.rows)} rows: {given.out}")


if __name__ == "__main__":
    run(main)
