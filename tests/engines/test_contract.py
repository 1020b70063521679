"""What every engine promises, run over all of them (`conftest.any_engine`)."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from rilearn.errors import EngineError
from rilearn.records import Prompt, Sampling

PROMPTS = [
    Prompt("Text: what a lovely day\nReasoning:"),
    Prompt("The capital of France is"),
    Prompt("One, two, three,"),
]
GREEDY = Sampling(max_tokens=24)


def streamed(engine: Any, prompt: Prompt, sampling: Sampling) -> tuple[str, str | None]:
    chunks = list(engine.stream(prompt, sampling))
    assert all(c.finish is None for c in chunks[:-1]), "only the last chunk ends the stream"
    return "".join(c.text for c in chunks), chunks[-1].finish


def test_streamed_text_is_the_batched_text(any_engine: Any) -> None:
    batched = any_engine.generate(PROMPTS, GREEDY)
    for prompt, whole in zip(PROMPTS, batched, strict=True):
        assert streamed(any_engine, prompt, GREEDY) == (whole.text, whole.finish)


def test_a_stop_string_ends_the_text_and_is_not_shown(any_engine: Any) -> None:
    whole = any_engine.generate(PROMPTS[:1], GREEDY)[0].text
    stop = whole[len(whole) // 2 : len(whole) // 2 + 3]
    text, finish = streamed(any_engine, PROMPTS[0], Sampling(max_tokens=24, stop=(stop,)))
    assert text == whole[: whole.index(stop)] and finish == "stop"
    assert any_engine.generate(PROMPTS[:1], Sampling(max_tokens=24, stop=(stop,)))[0].text == text


def test_what_only_looks_like_a_stop_string_is_not_lost(any_engine: Any) -> None:
    whole = any_engine.generate(PROMPTS[:1], GREEDY)[0].text
    almost = whole[-2:] + "\x00never"
    assert streamed(any_engine, PROMPTS[0], Sampling(max_tokens=24, stop=(almost,)))[0] == whole


def test_the_token_limit_is_kept_and_named(any_engine: Any) -> None:
    result = any_engine.generate(PROMPTS[2:], Sampling(max_tokens=3))[0]
    assert result.tokens <= 3 and result.finish in ("length", "stop")


def test_a_closed_stream_frees_the_engine_at_once(any_engine: Any) -> None:
    stream = any_engine.stream(PROMPTS[0], Sampling(max_tokens=1000))
    next(stream)
    stream.close()
    start = time.monotonic()
    assert any_engine.generate(PROMPTS[1:2], Sampling(max_tokens=2))
    assert time.monotonic() - start < 20, "the closed stream still holds the engine"


def test_two_threads_stream_at_once(any_engine: Any) -> None:
    alone = [any_engine.generate([p], GREEDY)[0].text for p in PROMPTS[:2]]
    results: dict[int, str] = {}
    threads = [
        threading.Thread(target=lambda i=i: results.update({i: streamed(any_engine, PROMPTS[i], GREEDY)[0]}))
        for i in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [results[0][:20], results[1][:20]] == [a[:20] for a in alone]


def test_results_come_in_order_with_progress(any_engine: Any) -> None:
    calls: list[tuple[int, int]] = []
    many = [PROMPTS[i % 3] for i in (2, 0, 1, 2, 0)]
    results = any_engine.generate(many, Sampling(max_tokens=6), progress=lambda *a: calls.append(a))
    assert [r.text for r in results] == [any_engine.generate([p], Sampling(max_tokens=6))[0].text for p in many]
    assert calls[-1] == (5, 5) and calls == sorted(calls)


def test_sampling_repeats_and_does_not_depend_on_the_batch(any_engine: Any) -> None:
    if any_engine.name == "remote":
        pytest.skip("a server's sampling is its own")
    sampling = Sampling(max_tokens=8, temperature=1.0, seed=3)
    together = any_engine.generate([PROMPTS[0], PROMPTS[1], PROMPTS[0]], sampling)
    apart = any_engine.generate([PROMPTS[0], PROMPTS[0]], sampling)
    assert [together[0].text, together[2].text] == [apart[0].text, apart[1].text]
    assert len({g.text for g in any_engine.generate([PROMPTS[0]] * 6, sampling)}) > 1


def test_score_is_the_sum_of_its_steps(any_engine: Any) -> None:
    prompt = Prompt("My favourite colour is")
    whole = any_engine.score([prompt], [" blue and", " red"])[0][0]
    first = any_engine.score([prompt], [" blue", " red"])[0][0]
    then = any_engine.score([Prompt(prompt.text + " blue")], [" and", " red"])[0][0]
    assert whole == pytest.approx(first + then, abs=0.15 if any_engine.name == "llamacpp" else 1e-3)


def test_choices_that_share_their_beginning_keep_their_order(any_engine: Any) -> None:
    prompts = PROMPTS[:2]
    choices = [" very happy", " very sad", " sad"]
    matrix = any_engine.score(prompts, choices)
    assert [len(row) for row in matrix] == [3, 3] and all(v < 0 for row in matrix for v in row)
    single = [any_engine.score([p], [c])[0][0] for p in prompts for c in choices]
    assert [v for row in matrix for v in row] == pytest.approx(single, abs=0.15)


def test_a_choice_that_begins_another_is_told_from_it_by_the_end(any_engine: Any) -> None:
    if any_engine.name == "remote":
        with pytest.raises(EngineError, match="Rename"):
            any_engine.score(PROMPTS[:1], [" joy", " joyful"])
        return
    plain = any_engine.score(PROMPTS[:1], [" joy"])[0][0]
    with_end = any_engine.score(PROMPTS[:1], [" joy", " joyful"])[0][0]
    assert with_end < plain
