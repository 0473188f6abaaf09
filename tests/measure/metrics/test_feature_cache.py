"""Features are prepared once, evicted by last use, and bounded in bytes."""

import threading
import time

import pytest

from vs_align.measure.metrics.feature_cache import FeatureCache, default_capacity


def test_features_are_made_once() -> None:
    cache: FeatureCache[str] = FeatureCache(len, 100)
    made = []
    for _ in range(3):
        assert cache.get(1, lambda: made.append(1) or "abc") == "abc"  # type: ignore[func-returns-value]
    assert made == [1]
    assert cache.held == 3


def test_the_least_recently_used_go_first() -> None:
    cache: FeatureCache[bytes] = FeatureCache(len, 100)
    for key in "abc":
        cache.get(key, lambda: bytes(30))
    cache.get("a", lambda: pytest.fail("a was there"))
    cache.get("d", lambda: bytes(30))
    assert cache.held == 90
    made = []
    cache.get("b", lambda: made.append("b") or bytes(30))  # type: ignore[func-returns-value]
    assert made == ["b"]
    cache.get("a", lambda: pytest.fail("a was there"))


def test_one_that_is_larger_than_all_room_is_still_given() -> None:
    cache: FeatureCache[bytes] = FeatureCache(len, 10)
    assert len(cache.get(1, lambda: bytes(50))) == 50
    assert len(cache.get(2, lambda: bytes(60))) == 60
    assert (len(cache), cache.held) == (1, 60)


def test_features_that_grow_are_weighed_again() -> None:
    cache: FeatureCache[list[int]] = FeatureCache(len, 10)
    growing = cache.get(1, lambda: [0] * 4)
    cache.get(2, lambda: [0] * 4)
    growing.extend([0] * 4)
    assert cache.get(1, list) is growing
    assert (len(cache), cache.held) == (1, 8)


def test_two_threads_that_ask_at_once_share_one_making() -> None:
    cache: FeatureCache[object] = FeatureCache(lambda _: 1, 100)
    made: list[object] = []
    begun = threading.Event()

    def make() -> object:
        begun.set()
        time.sleep(0.05)
        made.append(object())
        return made[-1]

    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(cache.get("key", make))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert begun.is_set()
    assert len(made) == 1
    assert found == made * 8


def test_a_failure_goes_to_all_who_wait_and_is_forgotten() -> None:
    cache: FeatureCache[int] = FeatureCache(lambda _: 1, 100)

    def fail() -> int:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        cache.get(1, fail)
    assert len(cache) == 0
    assert cache.get(1, lambda: 7) == 7


def test_many_threads_in_little_room() -> None:
    cache: FeatureCache[tuple[int, bytes]] = FeatureCache(lambda f: len(f[1]), 500)
    wrong: list[int] = []

    def ask(seed: int) -> None:
        for i in range(400):
            key = (seed * 7 + i * 13) % 37
            if cache.get(key, lambda key=key: (key, bytes(20 + key)))[0] != key:  # type: ignore[misc]
                wrong.append(key)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert wrong == []
    assert cache.held <= 500 + 57
    assert not any(thread.is_alive() for thread in threads)


def test_default_capacity_is_within_reason() -> None:
    assert 64 << 20 <= default_capacity() <= 2 << 30
