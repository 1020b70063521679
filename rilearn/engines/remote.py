"""Generation against any OpenAI-compatible server (vLLM and the like): many requests at once, results in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Any

from rilearn.engines.base import Progress, StopScanner, needs_end, row_seed
from rilearn.errors import EngineError
from rilearn.records import AdapterRef, Chunk, Generation, Prompt, Sampling


class RemoteEngine:
    """The model `model` behind `url` (it ends in /v1). An adapter is chosen by the model's name there, not per call."""

    name = "remote"

    def __init__(self, url: str, model: str, api_key: str | None = None, parallel: int = 16):
        import openai

        self.base = self.model = model
        self.url = url
        self.parallel = parallel
        self._client = openai.OpenAI(base_url=url, api_key=api_key or "none", max_retries=4, timeout=120)

    def stream(self, prompt: Prompt, sampling: Sampling, adapter: AdapterRef | None = None) -> Iterator[Chunk]:
        """See `Engine.stream`. A chunk counts as one token: that is what servers send."""
        self._refuse(adapter)
        scanner = StopScanner(sampling.stop)
        finish = "stop"
        with self._explained(), self._request(prompt, sampling, 0, stream=True) as events:
            for event in events:
                if not event.choices:
                    continue
                choice = event.choices[0]
                finish = choice.finish_reason or finish
                out = scanner.push((choice.delta.content if prompt.chat else choice.text) or "")
                if scanner.stopped:
                    finish = "stop"
                    yield Chunk(out, 1, None)
                    break
                if out:
                    yield Chunk(out, 1, None)
        yield Chunk(scanner.flush(), 0, "length" if finish == "length" else "stop")

    def generate(
        self,
        prompts: Sequence[Prompt],
        sampling: Sampling,
        adapter: AdapterRef | None = None,
        progress: Progress | None = None,
    ) -> list[Generation]:
        """See `Engine.generate`. Up to `parallel` requests are under way at once."""
        self._refuse(adapter)
        seen: Counter[Prompt] = Counter()
        with ThreadPoolExecutor(self.parallel) as pool:
            futures = []
            for prompt in prompts:
                futures.append(pool.submit(self._complete, prompt, sampling, seen[prompt]))
                seen[prompt] += 1
            try:
                for done, future in enumerate(as_completed(futures), 1):
                    future.result()
                    if progress:
                        progress(done, len(prompts))
            except BaseException:
                pool.shutdown(cancel_futures=True)  # one failure is enough to stop asking
                raise
        return [future.result() for future in futures]

    def score(
        self, prompts: Sequence[Prompt], choices: Sequence[str], adapter: AdapterRef | None = None
    ) -> list[list[float]]:
        """See `Engine.score`; needs a server that can echo a prompt with log-probabilities, as vLLM does.

        Raises:
            EngineError: a chat prompt (the server renders those itself), choices that only the end token tells apart,
                or a server that gives no log-probabilities of the prompt.
        """
        self._refuse(adapter)
        if needs_end(choices):
            raise EngineError("A remote server cannot tell a choice from one that begins with it. Rename the label.")
        if any(p.chat for p in prompts):
            raise EngineError("A remote server cannot score chat prompts. Use the transformers engine to judge.")
        pairs = [(p.text + p.prefix, c) for p in prompts for c in choices]
        with ThreadPoolExecutor(self.parallel) as pool:
            flat = list(pool.map(lambda pair: self._log(*pair), pairs))
        return [flat[i : i + len(choices)] for i in range(0, len(flat), len(choices))]

    def close(self) -> None:
        self._client.close()

    def _complete(self, prompt: Prompt, sampling: Sampling, occurrence: int) -> Generation:
        with self._explained():
            answer = self._request(prompt, sampling, occurrence)
        choice = answer.choices[0]
        text = (choice.message.content if prompt.chat else choice.text) or ""
        scanner = StopScanner(sampling.stop)
        shown = scanner.push(text) + ("" if scanner.stopped else scanner.flush())
        cut = choice.finish_reason == "length" and not scanner.stopped
        return Generation(shown, answer.usage.completion_tokens if answer.usage else 0, "length" if cut else "stop")

    def _request(self, prompt: Prompt, sampling: Sampling, occurrence: int, stream: bool = False) -> Any:
        given: dict[str, Any] = {
            "model": self.model,
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": row_seed(sampling.seed, prompt, occurrence) & 0x7FFFFFFF,
            "stop": list(sampling.stop) or None,
            "stream": stream,
        }
        if not prompt.chat:
            return self._client.completions.create(prompt=prompt.text + prompt.prefix, **given)
        messages = [{"role": "user", "content": prompt.text}]
        extra: dict[str, Any] = {}
        if prompt.prefix:  # vLLM's options: go on with the answer's opening instead of beginning a new turn
            messages.append({"role": "assistant", "content": prompt.prefix})
            extra = {"continue_final_message": True, "add_generation_prompt": False}
        return self._client.chat.completions.create(messages=messages, extra_body=extra, **given)

    def _log(self, prompt: str, choice: str) -> float:
        with self._explained():
            answer = self._client.completions.create(
                model=self.model, prompt=prompt + choice, max_tokens=1, temperature=0, echo=True, logprobs=1
            )
        found = answer.choices[0].logprobs
        if found is None or not found.token_logprobs or not found.text_offset:
            raise EngineError(f"The server at {self.url} gives no log-probabilities of a prompt (echo). vLLM does.")
        inside = range(len(prompt), len(prompt) + len(choice))
        rows = zip(found.text_offset, found.token_logprobs, strict=False)
        return sum(value or 0.0 for offset, value in rows if offset in inside)

    def _refuse(self, adapter: AdapterRef | None) -> None:
        if adapter is not None:
            raise EngineError(
                "A remote server picks the adapter by model name: start it with --lora-modules NAME=FOLDER and set "
                "remote_model to NAME."
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn the client's errors into words that say what to do."""
        import openai

        try:
            yield
        except openai.AuthenticationError as error:
            raise EngineError(f"The server at {self.url} refuses the key. Set OPENAI_API_KEY.") from error
        except openai.NotFoundError as error:
            raise EngineError(f"The server at {self.url} has no model '{self.model}'. Look at its /models.") from error
        except openai.APIConnectionError as error:
            raise EngineError(f"No server answers at {self.url}. Is it up, and does the address end in /v1?") from error
        except openai.APIError as error:
            raise EngineError(f"The server at {self.url} failed: {str(error)[:200]}") from error
