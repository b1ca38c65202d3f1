"""The key file that an embedded pipeline makes for itself when it is first used."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier

import pytest

from ocr_pipeline.bootstrap import adapters
from ocr_pipeline.domain.errors import ConfigurationError
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.settings import Settings

AT_ONCE = 8


def test_of_many_that_start_at_once_all_have_the_same_keys(tmp_path: Path) -> None:
    for number in range(10):
        settings, together = Settings(data_dir=tmp_path / str(number)), Barrier(AT_ONCE)

        def fingerprint(settings: Settings = settings, together: Barrier = together) -> bytes:
            with ExitStack() as stack:
                together.wait()
                keys = adapters.key_provider(settings, stack)
                return adapters.vault(settings, keys).fingerprint(ClientId("clinic"), b"page")

        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = [pool.submit(fingerprint) for _ in range(AT_ONCE)]
        assert len({each.result() for each in found}) == 1


def test_a_place_where_no_keys_can_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with ExitStack() as stack, pytest.raises(ConfigurationError):
        adapters.key_provider(Settings(keys={"path": tmp_path / "file" / "keys.json"}), stack)
