"""Below the versions that learnt from a rating, for admins: those that go on from them, in which it still is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import gradio as gr

from rilearn.errors import InputError, in_words
from rilearn.services import Services
from rilearn.ui.render import esc
from rilearn.ui.retrain_view import day, error
from rilearn.ui.versions_acts import Identify
from rilearn.ui.versions_view import name

if TYPE_CHECKING:  # brings SQLAlchemy
    from rilearn.store.version_rows import StoredVersion


def onward(services: Services, identify: Identify) -> Callable[[float | None, gr.Request], str]:
    """The handler: the number of a rating -> the versions that go on from those which learnt from it."""

    def go_on(number: float | None, request: gr.Request) -> str:
        from rilearn.store.versions import Versions

        try:
            identify(request)
            if not number or number < 1:
                return ""
            versions = Versions(services.store.database)
            return _shown(versions.going_on_from(versions.of_rating(int(number))))
        except InputError:  # the list above says what is missing
            return ""
        except Exception as problem:
            return error(in_words(problem))

    return go_on


def _shown(found: Sequence[tuple[StoredVersion, StoredVersion]]) -> str:
    if not found:
        return ""
    lines = "".join(
        f"<li>{esc(name(one))}, from {esc(name(first))} <span class='rl-muted'>{esc(day(one.created_at))}</span></li>"
        for one, first in found
    )
    return f'<p>These go on from there, so it is in them too:</p><ul class="rl-behind">{lines}</ul>'
