"""The command that measures faithfulness over many texts, with tiny adapters on the demo texts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rilearn.errors import AdapterError
from rilearn.faithfulness import INTERVENTIONS, Explained
from tests.tiny import ROOT, build_adapter
from training import faithfulness

DEMO = str(ROOT / "data" / "demo" / "emotion")


@pytest.fixture(scope="module")
def folders(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    root = tmp_path_factory.mktemp("adapters")
    return (
        str(build_adapter(root / "q-ra", tiny_base, "reasoned")),
        str(build_adapter(root / "q-a", tiny_base, "direct", seed=1)),
    )


def test_the_numbers_have_their_origin_and_repeat(folders: tuple[str, str], tmp_path: Path) -> None:
    results = []
    for name in ("a.json", "b.json"):
        arguments = ["--adapter", folders[0], "--reader", folders[1], "--dataset", DEMO, "--limit", "12"]
        faithfulness.main([*arguments, "--out", str(tmp_path / name)])
        found = json.loads((tmp_path / name).read_text())
        results.append({k: v for k, v in found.items() if k not in ("seconds", "command")})
    first = results[0]
    assert first == results[1]
    assert (first["n"], first["split"], first["adapter"], first["reader"]) == (12, "validation", "q-ra", "q-a")
    assert set(first["interventions"]) <= set(INTERVENTIONS) and first["interventions"]["removed"]["n"] == 12
    assert 0 <= first["accuracy"]["with_reasoning"] <= 1 if "with_reasoning" in first["accuracy"] else first["accuracy"]


def test_adapters_of_the_wrong_kind_are_refused(folders: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match="must reason"):
        faithfulness.main(["--adapter", folders[1], "--reader", folders[1], "--out", str(tmp_path / "x.json")])


def test_too_little_for_the_probe_is_said() -> None:
    found = faithfulness.leak([Explained("a", "one reasoning", "joy"), Explained("b", "another", "joy")])
    assert found.get("none_because")
    words = ["glad" if i % 2 else "grim" for i in range(40)]
    rows = [Explained(w, f"{w} number {i}", "joy" if i % 2 else "fear") for i, w in enumerate(words)]
    assert faithfulness.leak(rows)["full"] == 1
