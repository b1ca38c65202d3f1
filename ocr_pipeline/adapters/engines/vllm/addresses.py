"""Who names the model servers: the settings, a file that may change, or a DNS name.

Each has `async def addresses()`, which is asked again and again; a change takes effect without a restart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from ocr_pipeline.adapters.engines.vllm.discovery import base_address, resolve
from ocr_pipeline.domain.errors import ConfigurationError

_VLLM_PORT = 8000
_LARGEST_FILE = 1 << 20


class FixedAddresses:
    """Always the same servers. Raises ConfigurationError for what is no address."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = tuple(dict.fromkeys(base_address(url) for url in urls))
        if not self._urls:
            raise ConfigurationError("vllm.servers names no server")

    async def addresses(self) -> tuple[str, ...]:
        """The servers."""
        return self._urls


class FileAddresses:
    """One address a line; empty lines and what follows a `#` are left out."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def addresses(self) -> tuple[str, ...]:
        """What the file names now. Raises OSError when it cannot be read, ConfigurationError when it is no list."""
        return _parse(await asyncio.to_thread(self._read))

    def _read(self) -> bytes:
        with self._path.open("rb") as file:
            return file.read(_LARGEST_FILE)


class DnsAddresses:
    """All servers behind `name`, `name:port` or `https://name:port`; without a port 8000.

    Raises ConfigurationError for what is no name.
    """

    def __init__(self, name: str) -> None:
        url = base_address(name if "://" in name else f"http://{name}")
        parts = urlsplit(url)
        self._scheme = parts.scheme
        self._host = parts.hostname or ""
        self._port = parts.port or _VLLM_PORT

    async def addresses(self) -> tuple[str, ...]:
        """The addresses that the name has now. Raises EngineUnavailable."""
        return await resolve(self._host, self._port, scheme=self._scheme)


def _parse(content: bytes) -> tuple[str, ...]:
    try:
        lines = content.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise ConfigurationError("the file of model servers is no text") from None
    return tuple(line for line in (raw.partition("#")[0].strip() for raw in lines) if line)
