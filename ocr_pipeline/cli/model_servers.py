"""Model servers as the commands see them: who they are, and how to ask one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from ocr_pipeline.ports.generation import GenerationServer
from ocr_pipeline.recognition.profiles.profile import ModelProfile
from ocr_pipeline.settings import Settings

_LONG = 600.0


class ModelServer(Protocol):
    """A model server seen from outside."""

    async def read_known_picture(self) -> None:
        """Read the profile's known picture. Raises EngineError unless it was read right."""
        ...

    async def count_running(self) -> int:
        """Requests it has, running and waiting. Raises EngineError when it does not say."""
        ...


@dataclass(frozen=True, slots=True)
class ModelServers:
    """What these commands need of the rest: who the configured servers are, how to ask one, the model's profile."""

    addresses: Callable[[Settings], Awaitable[Sequence[str]]]
    open: Callable[[Settings, str], AbstractAsyncContextManager[ModelServer]]
    profile: Callable[[Settings], ModelProfile]


def api_key(settings: Settings) -> str | None:
    """What the servers want to be told, if they are configured to want it."""
    return None if settings.vllm.api_key is None else settings.vllm.api_key.get_secret_value()


class _HttpServer:
    """A vLLM server over HTTP."""

    def __init__(self, server: GenerationServer, probe: Callable[[GenerationServer], Awaitable[None]]) -> None:
        self._server = server
        self._probe = probe

    async def read_known_picture(self) -> None:
        await self._probe(self._server)

    async def count_running(self) -> int:
        load = await self._server.load()
        return load.running + load.waiting


def _profile(settings: Settings) -> ModelProfile:
    from ocr_pipeline.bootstrap.vllm import profile_of

    return profile_of(settings)


@asynccontextmanager
async def _open(settings: Settings, address: str) -> AsyncIterator[ModelServer]:
    from ocr_pipeline.adapters.engines.vllm import VllmServer
    from ocr_pipeline.recognition.generative.probe import KnownPictureProbe

    # the first reading after a start compiles and fills caches: whoever asks sets the bound on time
    server = VllmServer(address, api_key=api_key(settings), stall_seconds=_LONG)
    try:
        yield _HttpServer(server, KnownPictureProbe(settings.model_name, _profile(settings)))
    finally:
        await server.close()


async def _addresses(settings: Settings) -> Sequence[str]:
    from ocr_pipeline.bootstrap.vllm import addresses

    return await addresses(settings.vllm).addresses()


OVER_HTTP = ModelServers(addresses=_addresses, open=_open, profile=_profile)
