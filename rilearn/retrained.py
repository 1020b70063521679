"""What becomes of what a retraining left in its folder: versions, the gate's verdict, reasonings that people can read.

generator/ and q-ra/                    adapters
evidence.json and evidence-q-ra.json    what was measured, for the gate
rows.jsonl                              what was learnt, each row with the refs of the ratings behind it
reasonings.jsonl                        what the generators write now for texts that people see, with their digests
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rilearn.errors import AdapterError, DataError
from rilearn.gate import ROLES, Role, read_evidence
from rilearn.kept import candidate, shipped
from rilearn.promotion import judged
from rilearn.records import Reasoning
from rilearn.settings import Settings
from rilearn.store.database import Database
from rilearn.store.reasonings import AT_ONCE, Reasonings
from rilearn.store.version_rows import Behind
from rilearn.store.versions import Versions

EVIDENCE: Mapping[Role, str] = {"generator": "evidence.json", "q-ra": "evidence-q-ra.json"}
ROWS, REASONINGS = "rows.jsonl", "reasonings.jsonl"
_REFS = {"rating": "ratings", "edit": "edits", "vote": "votes"}


def take_in(database: Database, settings: Settings, out: Path) -> str:
    """Make what a finished run left known: its versions with what is behind them, and the gate's verdict on each.
    Called again it changes nothing.

    Returns:
        What was made, in a sentence each.

    Raises:
        AdapterError: an adapter that cannot be used.
        InputError, DataError: a file that holds something else.
        StoreError: see `Database.write`.
    """
    Versions(database).register_shipped(shipped(settings)[0])  # versions are numbered as they become known
    said = []
    for role in ROLES:
        folder, evidence = out / role, out / EVIDENCE[role]
        if not folder.is_dir():
            if role == "generator":
                raise AdapterError(f"The command left no {role} in {out}.")
            continue
        found = candidate(settings, role, folder)
        made = Versions(database).register(found, _behind(out / ROWS))
        name = f"{made.name} v{made.number}"
        if not evidence.is_file():
            said.append(f"{name} was made; nothing was measured for the gate.")
            continue
        verdict = judged(database, settings, read_evidence(evidence))
        said.append(f"{name}: {'the gate lets it pass' if verdict.passed else 'the gate does not let it pass'}.")
    _keep_reasonings(database, settings, out / REASONINGS)
    return " ".join(said)


def _behind(path: Path) -> Behind:
    found: dict[str, set[int]] = {name: set() for name in _REFS.values()}
    for row in _lines(path):
        for ref in row.get("because", ()):
            kind, _, number = str(ref).partition(":")
            if kind in _REFS and number.isdecimal():
                found[_REFS[kind]].add(int(number))
    return Behind(**{name: tuple(sorted(ids)) for name, ids in found.items()})


def _keep_reasonings(database: Database, settings: Settings, path: Path) -> None:
    made = [
        Reasoning(
            settings.task,
            str(row.get("text", "")),
            str(row.get("label", "")),
            str(row.get("reasoning", "")),
            str(row.get("source") or "retraining"),
            str(row.get("split", "")),
            adapter=str(row.get("adapter", "generator")),
            adapter_digest=str(row.get("adapter_digest", "")),
        )
        for row in (_lines(path) if path.is_file() else ())
        if str(row.get("reasoning", "")).strip()
    ]
    for first in range(0, len(made), AT_ONCE):
        Reasonings(database).add(made[first : first + AT_ONCE])


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8") as file:
            for line in filter(str.strip, file):
                found = json.loads(line)
                if not isinstance(found, dict):
                    raise ValueError("no object")
                yield found
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
