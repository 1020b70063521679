"""One frozen Settings, read once from the environment by whoever starts the program; nothing is read at import."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Each field is the environment variable RILEARN_<FIELD>."""

    model_config = SettingsConfigDict(env_prefix="RILEARN_", frozen=True, env_ignore_empty=True)

    cache: Path = Field(default=Path("~/.cache/rilearn"), description="base weights and converted adapters")
    state: Path = Field(
        default=Path("~/.local/state/rilearn"), description="the SQLite database, its copies, the visitors' key"
    )
    database_url: str = Field(default="", repr=False, description="postgresql://...; empty: SQLite under `state`")
    open: bool = Field(default=False, description="anybody may join the Rate tab, without an invitation")
    admin_passphrase: SecretStr = Field(
        default=SecretStr(""), description="signs the name 'admin' in on the Rate tab; empty: nobody"
    )
    base: str = Field(default="embedded", description="'embedded', a Hub id, or a folder")
    engine: str = Field(default="", description="llamacpp, transformers or remote; empty: the fitting one")
    task: str = Field(default="emotion", description="a file under data/tasks/")
    adapters: Path = Field(
        default=Path(__file__).resolve().parent.parent / "data" / "adapters", description="folder of adapter folders"
    )
    results: Path = Field(
        default=Path(__file__).resolve().parent.parent / "data" / "results", description="folder of the report"
    )
    retrain: Path = Field(
        default=Path(__file__).resolve().parent.parent / "training" / "recipes" / "embedded" / "retrain.yaml",
        description="recipe of the Retrain tab",
    )
    max_chars: int = Field(default=1000, ge=10, description="longest text the app takes")
    queue: int = Field(default=64, ge=1, description="visitors waiting before the app says it is full")
    parallel: int = Field(default=4, ge=1, description="classifications running at once")
    dataset: str = Field(default="", description="Hub id or folder to draw samples from; empty: the task's dataset")
    batch_rows: int = Field(default=500, ge=1, description="most rows classified in one go")
    batch_mb: int = Field(default=5, ge=1, description="largest file of rows the app takes, in MB")
    threads: int | None = Field(default=None, ge=1, description="CPU threads of the engine; empty: all cores")

    gate_votes: int = Field(default=30, ge=1, description="people's votes, ties aside, to decide instead of the judge")
    gate_win_rate: float = Field(default=0.5, ge=0, le=1, description="the win rate's 95 % interval begins above it")
    gate_classifier: float = Field(default=1.0, ge=0, description="most points of accuracy the classifier may lose")
    gate_classifier_required: bool = Field(
        default=True, description="a generator needs a classifier trained through it"
    )
    gate_parse_rate: float = Field(default=0.98, ge=0, le=1, description="least share of answers that can be read")
    gate_words: float = Field(default=40, ge=1, description="most words of a reasoning, on average")
    gate_restatement: float = Field(default=0.10, ge=0, le=1, description="most reasonings that merely restate")
    gate_leak: float = Field(default=0.02, ge=0, le=1, description="how much more of the labels a reasoning may leak")

    @property
    def cache_dir(self) -> Path:
        return self.cache.expanduser()

    @property
    def state_dir(self) -> Path:
        return self.state.expanduser()

    def folders(self) -> dict[str, str]:
        """The files and folders among the settings as variables with whole paths, for a process in another folder."""
        named = {name: value for name, value in self if isinstance(value, Path)}
        if self.dataset and (folder := Path(self.dataset)).expanduser().is_dir():  # else it is a Hub id
            named["dataset"] = folder
        return {f"RILEARN_{name.upper()}": str(path.expanduser().absolute()) for name, path in named.items()}
