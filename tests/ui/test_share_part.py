"""Sharing an answer: offered when there is one, kept for whom the cookie names, refused to strangers, in words."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from sqlalchemy import select

from rilearn.classify import Classifier
from rilearn.records import Prediction
from rilearn.services import Services
from rilearn.store import shares
from rilearn.store.database import FILE
from rilearn.store.schema import ReasoningRow
from rilearn.store.schema_annotation import ItemRow, ShareRow
from rilearn.ui.classify_tab import Handlers as Classify
from rilearn.ui.identity import visitor
from rilearn.ui.share_part import KEPT, NOTHING, Handlers, Offer, offered
from tests.conftest import REASONING
from tests.ui.test_vote_tab import come

TEXT = "i was <b>dreading</b> the results"


@pytest.fixture
def on(services: Services) -> Handlers:
    return Handlers(services)


def answered(services: Services, model: str = "q-ra", text: str = TEXT) -> Prediction:
    *_, last = services.predict(text, model)
    return last


def stored(services: Services) -> list[tuple[ShareRow, ItemRow, ReasoningRow]]:
    with services.store.database.read() as session:
        rows = session.execute(
            select(ShareRow, ItemRow, ReasoningRow)
            .join(ItemRow, ItemRow.reasoning_id == ShareRow.reasoning_id)
            .join(ReasoningRow, ReasoningRow.id == ItemRow.reasoning_id)
        ).all()
        session.expunge_all()
    return [(share, item, reasoning) for share, item, reasoning in rows]


def test_only_a_finished_reasoned_answer_is_offered_and_what_is_kept_is_said(services: Services) -> None:
    done = answered(services)
    html, offer, button = offered(TEXT, done)
    assert "this page&#x27;s cookie" in html and "nothing private" in KEPT
    assert offer == Offer(TEXT, done) and button["visible"] is True
    first, *_ = services.predict(TEXT, "q-ra")
    for none in (None, first, answered(services, "q-a")):
        assert offered(TEXT, none) == NOTHING
    assert NOTHING[1] is None and NOTHING[2]["visible"] is False


def test_the_tab_offers_after_a_run_and_takes_it_back_with_a_new_one(services: Services) -> None:
    tab = Classify(services)
    *_, (_, run, *_) = tab.run(TEXT, "q-ra")
    assert tab.settle(run)[-3:] == offered(TEXT, run.shown) and tab.begin()[-3:] == NOTHING


def test_an_answer_is_kept_with_what_made_it_and_once(on: Handlers, services: Services) -> None:
    request, offer = come(services), Offer(TEXT, answered(services))
    html, left, button = on.share(offer, request)
    assert "Thank you: people can rate it now." in html and left is None and button["visible"] is False
    ((share, item, reasoning),) = stored(services)
    adapter = services.adapters["q-ra"]
    assert (reasoning.text.text, reasoning.text.source, reasoning.reasoning) == (TEXT, "visitor", REASONING)
    assert (reasoning.label, reasoning.text.task) == (offer.answer.label, services.task.name)
    assert (reasoning.adapter, reasoning.adapter_digest) == ("q-ra", adapter.ref.digest)
    assert reasoning.prompt_version == adapter.manifest.prompt_version
    assert reasoning.sampling["max_tokens"] == Classifier.max_tokens and reasoning.signals["finished"] is True
    assert share.visitor == visitor(services.visitors, request)
    top = max(offer.answer.probabilities.values())
    assert (item.origin, item.ratings_left) == ("visitor", 1) and item.uncertainty == pytest.approx(1 - top)
    assert item.quality is not None and 0 < (item.disagreement or 0) <= 1
    html, *_ = on.share(offer, request)
    assert "shared this answer before" in html
    assert "people can rate it now" in on.share(offer, come(services))[0]  # somebody else shares it
    rows = stored(services)
    assert len(rows) == 2 and len({item.id for _, item, _ in rows}) == 1


@pytest.mark.parametrize("forged", ["", "me", "me.signature"])
def test_a_stranger_without_a_cookie_of_ours_shares_nothing(on: Handlers, services: Services, forged: str) -> None:
    offer = Offer(TEXT, answered(services))
    html, left, button = on.share(offer, come(services, forged))
    assert 'role="alert"' in html and "sent no cookie" in html and left == offer and button["visible"] is True
    assert stored(services) == []


def test_another_sites_page_shares_nothing(on: Handlers, services: Services) -> None:
    offer = Offer(TEXT, answered(services))
    html, left, _ = on.share(offer, come(services, sec_fetch_site="cross-site"))
    assert 'role="alert"' in html and "page of this app" in html and left == offer and stored(services) == []


def test_so_many_a_day(on: Handlers, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "A_DAY", 1)
    request = come(services)
    on.share(Offer(TEXT, answered(services)), request)
    html, *_ = on.share(Offer("another", answered(services, text="another")), request)
    assert 'role="alert"' in html and "Share more tomorrow" in html and len(stored(services)) == 1


def test_errors_are_words_and_the_button_stays(on: Handlers, services: Services, tmp_path: Path) -> None:
    html, offer, button = on.share(None, come(services))
    assert "Classify the text again" in html and offer is None and button["visible"] is False
    kept = Offer(TEXT, answered(services))
    services.store.votes()
    with sqlite3.connect(tmp_path / "state" / FILE) as other:
        other.execute("DROP TABLE shares")
    html, offer, button = on.share(kept, come(services))
    assert 'role="alert"' in html and "dreading" not in html and offer == kept and button["visible"] is True


def test_nobody_from_outside_can_call_it(services: Services, live_app: Any) -> None:
    from gradio_client import Client

    with live_app(services) as url:
        names = set(Client(url, verbose=False).view_api(return_format="dict")["named_endpoints"])
    assert names == {"/classify", "/compare"}


def test_the_part_stands_in_the_page(services: Services) -> None:
    from rilearn.ui.build import build

    found = [b for b in build(services).blocks.values() if getattr(b, "elem_id", None) == "rl-share-go"]
    assert len(found) == 1 and isinstance(found[0], gr.Button) and found[0].visible is False
