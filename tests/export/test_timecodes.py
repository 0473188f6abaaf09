"""Time codes of constant and of variable rates."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vs_align.errors import ArgumentError, MediaError
from vs_align.export.timecodes import write_timecodes
from vs_align.timeline.timeline import Segment, Timeline


def stamps(path: Path) -> list[float]:
    lines = path.read_text(encoding="ascii").splitlines()
    assert lines[0] == "# timestamp format v2"
    return [float(line) for line in lines[1:]]


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(24000, 1001), Fraction(30000, 1001)])
def test_constant_rate_loses_nothing_over_hours(rate: Fraction, tmp_path: Path) -> None:
    line = Timeline((Segment(0, 199_999, 0),), Fraction(50), rate, 200_000, 200_000)
    write_timecodes(line, tmp_path / "times.txt")
    found = stamps(tmp_path / "times.txt")
    assert len(found) == 200_000
    assert found[-1] == pytest.approx(float(199_999 * 1000 / rate), abs=1e-6)
    np.testing.assert_allclose(np.diff(found), float(1000 / rate), atol=2e-6)


def test_whole_numbers_stay_whole(tmp_path: Path) -> None:
    line = Timeline((Segment(0, 2, 0),), Fraction(25), Fraction(25), 3, 3)
    write_timecodes(line, tmp_path / "times.txt")
    assert (tmp_path / "times.txt").read_text() == "# timestamp format v2\n0\n40\n80\n"


def test_variable_rate_keeps_its_stamps(tmp_path: Path) -> None:
    times = (0.0, 0.0417, 0.125, 5.5, 5.5335)
    line = Timeline((Segment(0, 4, 0),), Fraction(25), Fraction(25), 5, 5, ref_times=times)
    write_timecodes(line, tmp_path / "times.txt")
    assert stamps(tmp_path / "times.txt") == [0, 41.7, 125, 5500, 5533.5]


def test_what_cannot_be(tmp_path: Path) -> None:
    unknown = Timeline((Segment(0, 4, 0),), Fraction(25), Fraction(0), 5, 5)
    with pytest.raises(ArgumentError, match=r"write_timecodes: timeline\.ref_rate must have a frame rate .* got 0"):
        write_timecodes(unknown, tmp_path / "times.txt")
    known = Timeline((Segment(0, 4, 0),), Fraction(25), Fraction(25), 5, 5)
    with pytest.raises(MediaError, match=r"write_timecodes: cannot write"):
        write_timecodes(known, tmp_path / "nowhere" / "times.txt")
    assert not list(tmp_path.iterdir())
