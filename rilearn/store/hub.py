"""The ratings as a dataset on the Hugging Face Hub, with a card that says what is in it. Annotators by pseudonym."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rilearn.errors import ConfigError, InputError
from rilearn.store.exchange import Exchange
from rilearn.store.exchange_rows import COLUMNS

WHAT = {
    "ratings": "one row a rating: what an annotator says of a reasoning for a text and its label",
    "corrections": "reasonings as annotators would have them",
    "adjudications": "decisions of admins where annotators disagreed",
    "pairs": "blind votes between two answers to one text; with a label if they are two reasonings for it",
}
MEANING = {
    "verdict": "good or poor, the one required answer",
    "overall": "1 (worst) to 5",
    "about_text": "is the reasoning about this text",
    "leads_to_label": "does it lead to this label",
    "true_and_clear": "is it true and clear",
    "label_wrong": "the dataset's label is wrong; never counts against the reasoning",
    "right_label": "which label would be right",
    "thumbs": "JSON list, a sentence each: 1, 0 or -1",
    "spans": "JSON list of marked stretches: first character, the one after the last, note",
    "guess": "the label guessed before text and label were shown",
    "seconds": "how long the annotator took",
    "guideline": "version of the guidelines",
    "corrected": "the reasoning as corrected",
    "annotator": "pseudonym",
    "visitor": "pseudonym",
    "giveaway": "an answer names a model, so the vote was not blind",
    "choice": "left, right or tie",
    "token": "names the request; an import knows the row again by it",
    "sampling": "JSON: how the reasoning was drawn; null: no model wrote it",
    "signals": "JSON: automatic scores of the reasoning",
}


def card(counts: Mapping[str, int]) -> str:
    """README.md of a dataset with these kinds of rows, one Parquet file each."""
    lines = ["---", "pretty_name: Ratings of reasonings", "tags: [rilearn, human-feedback]", "configs:"]
    for kind in counts:
        lines += [f"- config_name: {kind}", f"  data_files: {kind}.parquet"]
    lines += ["---", "", "# Ratings of reasonings", ""]
    lines += ["What people say of reasonings that lead from a text to a label. Written by rilearn.", ""]
    for kind, count in counts.items():
        lines += [f"## {kind} ({count:,} rows)", "", f"{WHAT[kind].capitalize()}.", "", "| column | meaning |"]
        lines += ["| --- | --- |"]
        lines += [f"| {column.name} | {MEANING.get(column.name, '')} |" for column in COLUMNS[kind]]
        lines += [""]
    lines += [
        "## Privacy and licence",
        "",
        "Annotators and voters appear by pseudonym. Reasonings that somebody flagged as harmful or private are left "
        "out, unless an admin has put them back. The texts keep the terms of the datasets they are from (column "
        "`source`); check them before you share this.",
        "",
    ]
    return "\n".join(lines)


def push(exchange: Exchange, repo: str, public: bool = False, api: Any = None) -> dict[str, int]:
    """Upload everything in one commit, in place of what an earlier push left; older commits on the Hub stay there.

    Args:
        repo: "owner/name"; made if it is not there, private unless `public`.
        api: an HfApi; None: one with the token of HF_TOKEN or `hf auth login`.

    Returns:
        Kind -> rows uploaded.

    Raises:
        InputError: there is nothing to upload. ConfigError: the Hub refuses or cannot be reached, or everybody can read
            the dataset and `public` is not set.
        StoreError: see `Database.read`.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError, HTTPError

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        counts = {kind: count for kind, count in exchange.export(folder, "parquet").items() if count}
        if not counts:
            raise InputError("There are no ratings to upload yet.")
        for kind in set(COLUMNS) - set(counts):
            (folder / f"{kind}.parquet").unlink()
        (folder / "README.md").write_text(card(counts), encoding="utf-8")
        api = api or HfApi()
        try:
            api.create_repo(repo, repo_type="dataset", private=not public, exist_ok=True)
            if not public and not api.repo_info(repo, repo_type="dataset").private:
                raise ConfigError(f"Everybody can read the dataset '{repo}'. Choose another one, or say --public.")
            api.upload_folder(
                repo_id=repo,
                repo_type="dataset",
                folder_path=folder,
                commit_message="Ratings from rilearn",
                delete_patterns=["*.parquet"],
            )
        except (HTTPError, OSError, HFValidationError) as error:
            said = str(error).strip().split("\n")[0]
            raise ConfigError(
                f"The Hub did not take the dataset '{repo}': {said} Check the name (owner/name), the network, and that "
                "HF_TOKEN may write."
            ) from error
    return counts
