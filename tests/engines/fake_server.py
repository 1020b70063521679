"""An OpenAI-compatible server on loopback over a ScriptedEngine: completions (streamed, echoed) and chat."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse

from rilearn.engines.scripted import ScriptedEngine
from rilearn.records import Prompt, Sampling

MODEL = "scripted-model"


def application(engine: ScriptedEngine, seen: list[dict[str, Any]]) -> FastAPI:
    """The server; what it is asked is appended to `seen`."""
    app = FastAPI()

    def sampling(body: dict[str, Any]) -> Sampling:
        stop = body.get("stop") or []
        return Sampling(
            body.get("max_tokens", 16),
            body.get("temperature", 0),
            50,
            body.get("top_p", 1),
            body.get("seed", 0),
            (*stop,),
        )

    def checked(body: dict[str, Any]) -> dict[str, Any]:
        seen.append(body)
        if body["model"] != MODEL:
            raise HTTPException(404, "no such model")
        return body

    def usage(tokens: int) -> dict[str, int]:
        return {"prompt_tokens": 1, "completion_tokens": tokens, "total_tokens": tokens + 1}

    @app.post("/v1/completions")
    async def completions(request: Request) -> Any:
        body = checked(await request.json())
        prompt = Prompt(body["prompt"])
        if body.get("echo"):
            text = body["prompt"]
            steps = [engine.score([Prompt(text[:i])], [text[i]])[0][0] for i in range(1, len(text))]
            logs = {"tokens": list(text), "text_offset": list(range(len(text))), "token_logprobs": [None, *steps]}
            return {"id": "1", "object": "text_completion", "created": 0, "model": MODEL, "usage": usage(1),
                    "choices": [{"index": 0, "text": text, "finish_reason": "length", "logprobs": logs}]}  # fmt: skip
        if body.get("stream"):

            def events() -> Iterator[str]:
                for chunk in engine.stream(prompt, sampling(body)):
                    choice = {"index": 0, "text": chunk.text, "finish_reason": chunk.finish, "logprobs": None}
                    event = {"id": "1", "object": "text_completion", "created": 0, "model": MODEL, "choices": [choice]}
                    yield f"data: {json.dumps(event)}\n\n"
                yield "data: [DONE]\n\n"

            return StreamingResponse(events(), media_type="text/event-stream")
        result = engine.generate([prompt], sampling(body))[0]
        choice = {"index": 0, "text": result.text, "finish_reason": result.finish, "logprobs": None}
        return {"id": "1", "object": "text_completion", "created": 0, "model": MODEL, "choices": [choice],
                "usage": usage(result.tokens)}  # fmt: skip

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Any:
        body = checked(await request.json())
        prompt = Prompt("".join(m["content"] for m in body["messages"]))
        result = engine.generate([prompt], sampling(body))[0]
        message = {"role": "assistant", "content": result.text}
        return {"id": "1", "object": "chat.completion", "created": 0, "model": MODEL, "usage": usage(result.tokens),
                "choices": [{"index": 0, "message": message, "finish_reason": result.finish}]}  # fmt: skip

    return app


@contextmanager
def serve(engine: ScriptedEngine) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """(address ending in /v1, requests seen) of a server that lives as long as the block."""
    seen: list[dict[str, Any]] = []
    config = uvicorn.Config(application(engine, seen), host="127.0.0.1", port=0, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/v1", seen
    finally:
        server.should_exit = True
        thread.join(10)
