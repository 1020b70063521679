"""One llama.cpp server in this process, over one base file and at most one adapter: tokens in, events out.

Completions run through xllamacpp's in-process calls. Tokenising has no such call, so it goes over the HTTP listener
every xllamacpp server opens: on loopback, at a port the system picks, behind a random key.
"""

from __future__ import annotations

import http.client
import json
import os
import queue
import secrets
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rilearn.engines.text import DATE
from rilearn.errors import EngineError
from rilearn.records import Prompt

PROMPT_STEP = 128
"""Prompt tokens evaluated at a time. A stream can be cancelled between two steps, so this bounds the wait."""

_lifecycle = threading.Lock()  # starting and stopping touch process-wide state inside xllamacpp

Event = tuple[str, int, str | None]
"""New text, tokens decoded so far, and why it ended ("stop", "length") or None."""


class LlamaServer:
    """See the module. Thread-safe; `close` cancels what still runs."""

    def __init__(self, gguf: Path, lora: Path | None, threads: int | None, slots: int, context: int):
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(gguf)
        params.n_parallel, params.n_ctx, params.kv_unified = slots, slots * context, False
        params.n_batch = params.n_ubatch = PROMPT_STEP
        # One thread for single tokens. Every server has its own OpenMP team, and once the teams together have more
        # threads than there are cores, OpenMP sleeps at barriers instead of spinning; a token has hundreds of them.
        # Two servers on two cores: 52 tokens/s with two threads each, 108 with one. Prompts compute longer between
        # barriers and gain from all cores.
        params.cpuparams.n_threads, params.cpuparams_batch.n_threads = 1, threads or _cores()
        params.fit_params = params.warmup = params.ctx_shift = False
        params.cache_ram_mib = 0  # by default up to 8 GiB of old prompts
        params.verbosity = -1
        if lora:
            params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(lora), 1.0)]
        self._key = secrets.token_hex(16)
        params.hostnames, params.port, params.api_keys, params.ui = ["127.0.0.1"], 0, [self._key], False
        params.n_threads_http = 2
        with _lifecycle:
            try:
                self._server: Any = xllamacpp.Server(params)
            except Exception as error:
                raise EngineError(
                    f"llama.cpp cannot load {gguf.name}{f' with {lora.name}' if lora else ''}."
                ) from error
        address = urlsplit(self._server.listening_address)
        self._host, self._port = address.hostname or "127.0.0.1", address.port
        self._jobs: list[_Job] = []
        self._lock = threading.Lock()
        props = self._http("/props")
        self._template = _compile(props.get("chat_template") or "")
        self._tokens = {"bos_token": props.get("bos_token") or "", "eos_token": props.get("eos_token") or ""}
        self.end_token = self.tokenize(self._tokens["eos_token"])[-1]
        self.vocabulary = int(self._http("/v1/models")["data"][0]["meta"]["n_vocab"])

    def tokenize(self, text: str, special: bool = True, start: bool = False) -> list[int]:
        """Token ids; `special` reads `<|im_end|>` and the like as one token, `start` adds the model's own start."""
        if not text:
            return []
        return self._http("/tokenize", {"content": text, "add_special": start, "parse_special": special})["tokens"]

    def prompt_ids(self, prompt: Prompt) -> list[int]:
        """The prompt as tokens, a chat prompt through the model's own template (which has its begin token itself)."""
        if not prompt.chat:
            return self.tokenize(prompt.text + prompt.prefix, start=True)
        if self._template is None:
            raise EngineError("This base has no chat template; use plain prompts.")
        messages = [{"role": "user", "content": prompt.text}]
        text = self._template.render(
            messages=messages, add_generation_prompt=True, date_string=DATE, tools=None, **self._tokens
        )
        return self.tokenize(text + prompt.prefix)

    def next_token(self, ids: list[int], width: int) -> dict[int, float]:
        """The `width` most probable next tokens and their natural-log probabilities, before any sampler."""
        request = {"prompt": ids, "max_tokens": 1, "n_probs": width, "samplers": ["top_k"], "top_k": 1}
        answer = self._running_server().handle_completions(request)
        _raise_error(answer)
        top = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        return {entry["id"]: entry["logprob"] for entry in top}

    def stream(self, request: dict[str, Any]) -> Generator[Event, None, None]:
        """Run a completion; closing the iterator stops it within one decoding step, without waiting for that."""
        job = _Job(self._running_server(), request)
        with self._lock:
            self._jobs = [j for j in self._jobs if j.thread.is_alive()] + [job]
        try:
            yield from job.events()
        finally:
            job.cancelled = True

    def close(self) -> None:
        """Cancel what runs, wait for it, free the memory."""
        with self._lock:
            jobs = list(self._jobs)
        for job in jobs:
            job.cancelled = True
        for job in jobs:
            job.thread.join()
        with _lifecycle:
            self._server = None  # xllamacpp stops and frees in its destructor

    def _running_server(self) -> Any:
        if self._server is None:
            raise EngineError("The engine is closed.")
        return self._server

    def _http(self, path: str, body: dict[str, Any] | None = None) -> Any:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=600)
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json", "Connection": "close"}
        try:
            connection.request("POST" if body else "GET", path, json.dumps(body) if body else None, headers)
            answer = json.loads(connection.getresponse().read())
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise EngineError(f"llama.cpp did not answer {path}: {error}") from error
        finally:
            connection.close()
        _raise_error(answer)
        return answer


class _Job:
    """A completion running in a thread of its own: xllamacpp pushes events, the reader pulls them."""

    def __init__(self, server: Any, request: dict[str, Any]):
        self.cancelled = False
        self._queue: queue.SimpleQueue[dict[str, Any] | Exception | None] = queue.SimpleQueue()
        # Progress events come between the steps of a prompt: without them a long prompt could not be cancelled.
        self._request = request | {"stream": True, "return_progress": True, "timings_per_token": True}
        self._server = server
        self.thread = threading.Thread(target=self._run, name="rilearn-llama-stream", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self._server.handle_completions(self._request, self._take)
            self._queue.put(None)
        except Exception as error:
            self._queue.put(error)
        finally:
            self._server = None  # a finished job keeps no model in memory

    def _take(self, event: dict[str, Any]) -> bool:
        """xllamacpp's callback: True stops the decoding and frees the slot."""
        self._queue.put(event)
        return self.cancelled

    def events(self) -> Iterator[Event]:
        while True:
            event = self._queue.get()
            if isinstance(event, Exception):
                raise EngineError(f"llama.cpp failed: {event}") from event
            if event is None:
                raise EngineError("The engine was closed while it answered.")
            _raise_error(event)
            for choice in event.get("choices", []):
                finish = choice["finish_reason"]
                if choice["text"] or finish:
                    yield choice["text"], event["timings"]["predicted_n"], finish
                if finish:
                    return


def _raise_error(answer: Any) -> None:
    error = answer.get("error") if isinstance(answer, dict) else None
    if error:
        raise EngineError(f"llama.cpp refused: {error.get('message', error) if isinstance(error, dict) else error}")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _compile(source: str) -> Any:
    """A chat template as transformers compiles it, but with the date pinned; None where the model has none."""
    if not source:
        return None
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> None:
        raise EngineError(f"The model's chat template refused the prompt: {message}")

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals.update(raise_exception=refuse, strftime_now=lambda _format: DATE)
    return environment.from_string(source)
