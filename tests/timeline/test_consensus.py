"""What most numbers agree on."""

import numpy as np
import pytest

from vs_align.timeline.consensus import consensus_of


def test_one_odd_number_counts_for_nothing() -> None:
    found = consensus_of([5.0] * 300 + [6.0], 0.99)
    assert (found.low, found.high, found.middle) == (5, 5, 5)
    assert found.share == pytest.approx(300 / 301)


def test_an_even_spread_has_its_middle() -> None:
    found = consensus_of(np.linspace(2, 2.96, 25)[::-1], 0.99)
    assert found.middle == pytest.approx(2.48)
    assert found.share == 1


def test_weights_count() -> None:
    assert consensus_of([1, 2, 5, 9], 1, [1, 1, 3, 1]).low == 5
    assert consensus_of([7], 0) == (7, 7, 1)
    assert consensus_of([1, 2, 3, 4], 1).low == 1
