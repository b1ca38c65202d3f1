"""A supervisor that looks often over the stand-in for vLLM: `engine_serve_program.py FOLDER PORT HEALTH_PORT`.

Fields of `Patience` can be given as JSON in the environment variable PATIENCE.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from http import HTTPStatus
from pathlib import Path

import httpx

from ocr_pipeline import logs
from ocr_pipeline.adapters.engines.serve.arguments import ServeOptions, serve_command, serve_environment
from ocr_pipeline.adapters.engines.serve.backoff import BackoffRules
from ocr_pipeline.adapters.engines.serve.service import Service, serve
from ocr_pipeline.adapters.engines.serve.supervisor import Patience
from ocr_pipeline.domain.errors import EngineGarbage, EngineOverloaded, EngineUnavailable, PipelineError
from tests.fake_vllm_program import KNOWN_TEXT
from tests.plain_http import no_authorities

FAKE = Path(__file__).with_name("fake_vllm_program.py")
SHORT = {"progress": 0.2, "between": 0.1, "between_starting": 0.05, "quiet": 0.2, "look": 0.05}
"""How often it looks. How long it bears with a server that may be busy is left as it is, or said by the test."""


class Client:
    """Asks the stand-in."""

    def __init__(self, port: int) -> None:
        self._address = f"http://127.0.0.1:{port}"

    async def read_known_picture(self) -> None:
        answer = await self._ask("POST", "/v1/chat/completions")
        if answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
            raise EngineOverloaded("busy")
        if answer.json()["text"] != KNOWN_TEXT:
            raise EngineGarbage("read wrong")

    async def count_running(self) -> int:
        return int((await self._ask("GET", "/metrics")).text.split()[1])

    async def _ask(self, method: str, path: str) -> httpx.Response:
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=300, verify=no_authorities()) as client:
                return await client.request(method, self._address + path, content=b"a picture")
        except httpx.HTTPError as error:
            raise EngineUnavailable(f"not reached ({type(error).__name__})") from None


def main() -> None:
    folder, port, health_port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    logs.configure("info", "json")
    program = (sys.executable, str(FAKE), folder)
    service = Service(
        command=serve_command(ServeOptions("a/model", host="127.0.0.1", port=port, program=program)),
        environment=serve_environment(os.environ),
        host="127.0.0.1",
        port=port,
        health_host="127.0.0.1",
        health_port=health_port,
        patience=Patience(**SHORT | json.loads(os.environ.get("PATIENCE", "{}"))),
        backoff=BackoffRules(first=0.05, cap=0.2),
    )
    client = Client(port)
    try:
        asyncio.run(serve(service, client.read_known_picture, client.count_running))
    except PipelineError as error:
        sys.exit(f"{error.code}: {error}")


if __name__ == "__main__":
    main()
