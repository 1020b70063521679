"""The dataset on the Hub: what is uploaded can be loaded, the card tells what is in it, nothing leaves by mistake."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from rilearn.errors import ConfigError, InputError
from rilearn.records import Rating
from rilearn.store.database import Database
from rilearn.store.exchange import Exchange
from rilearn.store.exchange_rows import COLUMNS
from rilearn.store.hub import MEANING, WHAT, card, push
from rilearn.store.ratings import Ratings


class FakeApi:
    """Keeps what would be uploaded."""

    def __init__(self, folder: Path, private: bool = True, error: Exception | None = None):
        self.folder, self.private, self.error = folder, private, error
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def create_repo(self, repo: str, **options: Any) -> None:
        self.calls.append((repo, options))
        if self.error:
            raise self.error

    def repo_info(self, repo: str, repo_type: str) -> SimpleNamespace:
        return SimpleNamespace(private=self.private)

    def upload_folder(self, repo_id: str, folder_path: Path, **options: Any) -> None:
        self.calls.append((repo_id, options))
        shutil.copytree(folder_path, self.folder)


@pytest.fixture
def exchange(database: Database) -> Exchange:
    return Exchange(database)


@pytest.fixture
def rated(ratings: Ratings, ann: int, item: int) -> None:
    ratings.rate(ann, item, Rating("good", overall=4, comment="clear"), "t")


def test_what_is_uploaded_loads_as_a_dataset(exchange: Exchange, rated: None, tmp_path: Path) -> None:
    from datasets import load_dataset

    api = FakeApi(tmp_path / "hub")
    assert push(exchange, "owner/ratings", api=api) == {"ratings": 1}
    (_, made), (repo, sent) = api.calls
    assert made == {"repo_type": "dataset", "private": True, "exist_ok": True} and repo == "owner/ratings"
    assert sent["repo_type"] == "dataset" and sent["delete_patterns"] == ["*.parquet"]  # what is gone here goes there
    assert sorted(p.name for p in api.folder.iterdir()) == ["README.md", "ratings.parquet"]
    rows = load_dataset(str(api.folder), "ratings", split="train", cache_dir=str(tmp_path / "cache"))
    assert rows.column_names == [column.name for column in COLUMNS["ratings"]]
    assert rows[0]["comment"] == "clear" and rows[0]["annotator"].startswith("annotator-")


def test_the_card_names_every_kind_and_column(exchange: Exchange) -> None:
    text = card(dict.fromkeys(COLUMNS, 1234))
    _, head, body = text.split("---\n", 2)
    assert [c["config_name"] for c in yaml.safe_load(head)["configs"]] == list(COLUMNS) == list(WHAT)
    for kind, columns in COLUMNS.items():
        assert f"## {kind} (1,234 rows)" in body and all(f"| {column.name} |" in body for column in columns)
    assert set(MEANING) <= {column.name for columns in COLUMNS.values() for column in columns}


def test_nothing_goes_to_a_dataset_that_everybody_reads_unless_said(
    exchange: Exchange, rated: None, tmp_path: Path
) -> None:
    api = FakeApi(tmp_path / "hub", private=False)
    with pytest.raises(ConfigError, match="--public"):
        push(exchange, "owner/ratings", api=api)
    assert not api.folder.exists()
    assert push(exchange, "owner/ratings", public=True, api=api) == {"ratings": 1}
    assert api.calls[-2][1]["private"] is False


def test_nothing_to_upload_and_a_hub_that_refuses(
    exchange: Exchange, tmp_path: Path, ratings: Ratings, ann: int
) -> None:
    with pytest.raises(InputError, match="no ratings"):
        push(exchange, "owner/ratings", api=FakeApi(tmp_path / "hub"))


@pytest.mark.parametrize("error", [OSError("no token"), ConnectionError("no network"), "client"])
def test_refusals_are_words(exchange: Exchange, rated: None, tmp_path: Path, error: Any) -> None:
    from huggingface_hub.errors import HTTPError

    raised = HTTPError("no network") if error == "client" else error
    with pytest.raises(ConfigError, match=r"owner/ratings.*no (token|network).*HF_TOKEN"):
        push(exchange, "owner/ratings", api=FakeApi(tmp_path / "hub", error=raised))
