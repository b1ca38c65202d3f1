"""Who names the servers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ocr_pipeline.adapters.engines.vllm.addresses import DnsAddresses, FileAddresses, FixedAddresses
from ocr_pipeline.domain.errors import ConfigurationError


def test_the_settings_name_each_server_once() -> None:
    source = FixedAddresses(("http://a:8000/", "http://a:8000/v1", "http://b:1"))
    assert asyncio.run(source.addresses()) == ("http://a:8000", "http://b:1")


@pytest.mark.parametrize("urls", [(), ("a:8000",), ("ftp://a",)])
def test_what_is_no_address_is_refused_at_once(urls: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError):
        FixedAddresses(urls)


def test_a_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "servers"
    file.write_text("http://a:8000  # the old one\n\n# none\nhttp://b:8000\n", encoding="utf-8")
    source = FileAddresses(file)
    assert asyncio.run(source.addresses()) == ("http://a:8000", "http://b:8000")
    file.write_text("http://c:8000\n", encoding="utf-8")
    assert asyncio.run(source.addresses()) == ("http://c:8000",)


def test_a_file_that_is_gone_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        asyncio.run(FileAddresses(tmp_path / "none").addresses())


def test_a_file_of_bytes_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "servers"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError):
        asyncio.run(FileAddresses(file).addresses())


@pytest.mark.parametrize("name", ["localhost", "localhost:8000", "http://localhost:8000"])
def test_a_name_is_looked_up_with_vllms_port(name: str) -> None:
    found = asyncio.run(DnsAddresses(name).addresses())
    assert found
    assert all(url.startswith("http://") and url.endswith(":8000") for url in found)
