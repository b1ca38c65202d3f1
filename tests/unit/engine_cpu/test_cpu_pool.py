"""A pool lends each instance once and does not wait past a deadline."""

from pathlib import Path

import pytest

from ocr_pipeline.adapters.engines.cpu import hangul
from ocr_pipeline.adapters.engines.cpu.hangul import TesseractPool
from ocr_pipeline.domain.errors import EngineTimeout


class _Instance:
    def __init__(self, tessdata: Path, language: str) -> None:
        self.open = True

    def close(self) -> None:
        self.open = False


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> TesseractPool:
    monkeypatch.setattr(hangul, "TesseractLine", _Instance)
    monkeypatch.setattr(hangul, "_PATIENCE", 0.01)
    return TesseractPool(tmp_path, "Hangul", slots=1)


def _late() -> None:
    raise EngineTimeout("late")


def test_an_instance_is_made_once_and_lent_again(pool: TesseractPool) -> None:
    with pool.borrow(_late) as first:
        pass
    with pool.borrow(_late) as second:
        assert second is first


def test_a_borrower_without_a_free_instance_gives_up_at_its_deadline(pool: TesseractPool) -> None:
    with pool.borrow(_late), pytest.raises(EngineTimeout), pool.borrow(_late):
        pass


def test_an_instance_comes_back_after_an_error(pool: TesseractPool) -> None:
    with pytest.raises(RuntimeError), pool.borrow(_late):
        raise RuntimeError
    with pool.borrow(_late) as instance:
        assert instance is not None


def test_closing_frees_what_was_made(pool: TesseractPool) -> None:
    with pool.borrow(_late) as instance:
        pass
    pool.close()
    assert not instance.open  # type: ignore[attr-defined]
