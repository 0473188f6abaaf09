"""Time stamps of audio on one continuous clock."""

import pytest

from vs_align.media.audio_clock import AudioClock


def test_time_stamps_are_kept_and_gaps_too() -> None:
    clock = AudioClock()
    assert clock.continuous(0.5, None) == (0.5, True)
    assert clock.continuous(0.531, 0.53) == (0.531, False)
    assert clock.continuous(9.0, 0.55) == (9.0, True)
    # packets that begin a little early lie over the ones before
    assert clock.continuous(8.9, 9.1) == (8.9, True)


def test_the_picture_says_how_the_clock_goes_on() -> None:
    clock = AudioClock((6.0, 4.5))
    assert clock.continuous(1.4, None)[0] == 1.4
    assert clock.continuous(7.39, 7.4) == (7.39, False)
    # a gap of the same clock is no new one
    assert clock.continuous(7.9, 7.4) == (7.9, True)
    assert clock.continuous(1.92, 7.93) == (7.92, True)
    assert clock.continuous(4.0, 10.0) == (10.0, False)
    assert clock.continuous(6.0, 10.49)[0] == 10.5


def test_sound_alone_goes_on_where_it_was() -> None:
    clock = AudioClock()
    clock.continuous(5.0, None)
    assert clock.continuous(1.0, 5.5) == (5.5, True)
    assert clock.continuous(1.1, 5.6)[0] == pytest.approx(5.6)
