"""A cache that forgets by time and by size."""

from __future__ import annotations

from ocr_pipeline.gateway.auth.cache import ExpiringCache


class Now:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_what_is_kept_expires_and_is_not_prolonged_by_reading() -> None:
    now = Now()
    cache: ExpiringCache[str, int] = ExpiringCache(10, 5, now)
    cache.put("a", 1)
    now.seconds = 9.9
    assert cache.get("a") == 1
    now.seconds = 10
    assert cache.get("a") is None


def test_the_oldest_goes_first_and_a_new_value_is_young() -> None:
    cache: ExpiringCache[str, int] = ExpiringCache(10, 2, Now())
    cache.put("a", 1)
    cache.put("b", 2)
    cache.put("a", 3)
    cache.put("c", 4)
    assert [cache.get(key) for key in "abc"] == [3, None, 4]
