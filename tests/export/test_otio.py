"""Events are read back from what was written, with the adapters where they can."""

import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import numpy as np
import pytest

from vs_align.enums import SegmentKind
from vs_align.errors import ArgumentError, MediaError, MissingDependencyError
from vs_align.export.edl import check_rate, reel_name, write_edl
from vs_align.export.fcpxml import write_fcpxml
from vs_align.export.otio import MediaFile, otio_timeline, write_otio
from vs_align.timeline.timeline import Segment, Timeline

otio = pytest.importorskip("opentimelineio", reason="the extra 'export' is not installed")

NTSC, FILM = Fraction(30000, 1001), Fraction(24000, 1001)
SEGMENTS = (
    Segment(0, 99, 50),
    Segment(100, 149, None, kind=SegmentKind.INSERT),
    Segment(150, 399, 300, confidence=0.75),
    Segment(400, 449, 620, 0.0, SegmentKind.HOLD),
    Segment(450, 499, None, kind=SegmentKind.BLACK),
    Segment(500, 599, 700),
)
EVENTS = [(0, 100, 50), (150, 250, 300), (400, 50, 620), (500, 100, 700)]
"""First ref frame, number of ref frames and first clip frame of what is shown."""


def files(ref_rate: Fraction, clip_rate: Fraction, **options: Any) -> tuple[Timeline, MediaFile, MediaFile]:
    clip = MediaFile(Path("/films/my clip é.mkv"), clip_rate, 1000, 1920, 1080, has_audio=True, **options)
    ref = MediaFile(Path("/films/ref & co.mkv"), ref_rate, 600, 1280, 720)
    return Timeline(SEGMENTS, clip_rate, ref_rate, 1000, 600), clip, ref


def frames(time: Any) -> float:
    return round(float(time.value), 6)


def events_in(track: Any) -> list[tuple[float, float, float]]:
    found = []
    for item in track:
        if isinstance(item, otio.schema.Gap):
            continue
        place = item.range_in_parent()
        found.append((frames(place.start_time), frames(place.duration), frames(item.source_range.start_time)))
    return found


def gaps_in(track: Any) -> list[tuple[float, float]]:
    gaps = [item.range_in_parent() for item in track if isinstance(item, otio.schema.Gap)]
    return [(frames(gap.start_time), frames(gap.duration)) for gap in gaps]


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(25), FILM, NTSC, Fraction(50)])
def test_edl_of_equal_rates(rate: Fraction, tmp_path: Path) -> None:
    timeline, clip, ref = files(rate, rate)
    write_edl(timeline, clip, ref, tmp_path / "cut.edl")
    text = (tmp_path / "cut.edl").read_text()
    drops = rate == NTSC
    assert text.splitlines()[1] == f"FCM: {'DROP FRAME' if drops else 'NON-DROP FRAME'}"
    counted = otio.opentime.RationalTime.nearest_smpte_timecode_rate(float(rate))
    (track,) = otio.adapters.read_from_string(text, "cmx_3600", rate=counted).tracks
    assert events_in(track) == EVENTS
    assert gaps_in(track) == [(100, 50), (450, 50)]
    assert frames(track.duration()) == 600
    effects = [[type(effect).__name__ for effect in item.effects] for item in track]
    assert effects == [[], [], [], ["FreezeFrame"], [], []]
    assert all(item.metadata["cmx_3600"]["reel"] == "MYCLIP" for item in track if isinstance(item, otio.schema.Clip))


def test_edl_of_pal_speed(tmp_path: Path) -> None:
    """Frame for frame at 25 instead of 23.976: source times at ref's rate, and 22.994 frames a second."""
    timeline, clip, ref = files(FILM, Fraction(25))
    write_edl(timeline, clip, ref, tmp_path / "cut.edl")
    text = (tmp_path / "cut.edl").read_text()
    counted = otio.opentime.RationalTime.nearest_smpte_timecode_rate(float(FILM))
    (track,) = otio.adapters.read_from_string(text, "cmx_3600", rate=counted).tracks
    assert [(a, b) for a, b, _ in events_in(track)] == [(a, b) for a, b, _ in EVENTS]
    for found, (_, _, source) in zip(events_in(track), EVENTS, strict=True):
        assert found[2] == round(source * FILM / 25)
    scalars = [round(item.effects[0].time_scalar, 4) for item in track if item.effects]
    assert scalars == [0.959, 0.959, 0, 0.959]
    # The source ends where clip's does: 100 frames at 25 are 4 s, 95.9 frames at ref's rate.
    line = next(line for line in text.splitlines() if line.startswith("001"))
    assert line.split()[4:] == ["00:00:02:00", "00:00:06:00", "00:00:00:00", "00:00:04:04"]


def test_edl_counts_from_time_codes(tmp_path: Path) -> None:
    timeline, clip, ref = files(Fraction(25), Fraction(25), start=90000)
    ref = MediaFile(ref.path, ref.rate, ref.length, start=250)
    write_edl(timeline, clip, ref, tmp_path / "cut.edl")
    lines = [line for line in (tmp_path / "cut.edl").read_text().splitlines() if line[:3].isdigit()]
    assert lines[0].split() == ["001", "MYCLIP", "V", "C", "01:00:02:00", "01:00:06:00", "00:00:10:00", "00:00:14:00"]
    assert lines[-1].split() == ["004", "MYCLIP", "V", "C", "01:00:28:00", "01:00:32:00", "00:00:30:00", "00:00:34:00"]


def test_edl_limits(tmp_path: Path) -> None:
    path = tmp_path / "cut.edl"
    timeline, clip, ref = files(Fraction(25, 2), Fraction(25))
    with pytest.raises(ArgumentError, match=r"write_edl: ref\.rate must be one that time codes know, .* got 25/2"):
        write_edl(timeline, clip, ref, path)
    timeline, clip, ref = files(Fraction(25), Fraction(25), start=24 * 3600 * 25 - 100)
    with pytest.raises(ArgumentError, match=r"write_edl: timeline must end within 24 hours of time code"):
        write_edl(timeline, clip, ref, path)
    many = [
        Segment(20 * i + part, 20 * i + (0 if part == 0 else 19), 5 if part == 0 else None, kind=kind)
        for i in range(1000)
        for part, kind in ((0, SegmentKind.MATCH), (1, SegmentKind.INSERT))
    ]
    line = Timeline(tuple(many), 25, 25, 10, 20000)  # type: ignore[arg-type]
    files_of_many = (MediaFile(clip.path, Fraction(25), 10), MediaFile(ref.path, Fraction(25), 20000))
    with pytest.raises(ArgumentError, match=r"must have at most 999 passages .*, got 1000"):
        write_edl(line, *files_of_many, path)
    empty = Timeline((Segment(0, 9, None, kind=SegmentKind.INSERT),), 25, 25, 10, 10)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"write_edl: timeline must match at least one frame"):
        write_edl(empty, MediaFile(clip.path, Fraction(25), 10), MediaFile(ref.path, Fraction(25), 10), path)
    with pytest.raises(MediaError, match=r"write_edl: cannot write"):
        write_edl(*files(Fraction(25), Fraction(25)), tmp_path / "nowhere" / "cut.edl")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "reel"),
    [("a_long-name of film.mkv", "ALONGNAM"), ("é.mkv", "CLIP"), ("BL.mkv", "CLIPBL"), ("s01e02.mkv", "S01E02")],
)
def test_reel_names(name: str, reel: str) -> None:
    assert reel_name(MediaFile(Path(name), Fraction(25), 1)) == reel


@pytest.mark.parametrize(("ref_rate", "clip_rate"), [(Fraction(25), Fraction(25)), (FILM, Fraction(25))])
def test_otio(ref_rate: Fraction, clip_rate: Fraction, tmp_path: Path) -> None:
    timeline, clip, ref = files(ref_rate, clip_rate, start=1000)
    write_otio(timeline, clip, ref, tmp_path / "cut.otio")
    read = otio.adapters.read_from_file(str(tmp_path / "cut.otio"))
    assert [(track.name, track.kind) for track in read.tracks] == [("V1", "Video"), ("A1", "Audio")]
    for track in read.tracks:
        assert events_in(track) == [(a, b, 1000 + c) for a, b, c in EVENTS]
        assert gaps_in(track) == [(100, 50), (450, 50)]
        # Clip's own rate counts its frames, ref's rate the events.
        assert track[0].source_range.start_time.rate == pytest.approx(float(clip_rate))
        assert track[0].range_in_parent().duration.rate == pytest.approx(float(ref_rate))
    media = read.tracks[0][0].media_reference
    assert media.target_url == "file:///films/my%20clip%20%C3%A9.mkv"
    assert (frames(media.available_range.start_time), frames(media.available_range.duration)) == (1000, 1000)
    speed = float(ref_rate / clip_rate)
    scalars = [[effect.time_scalar for effect in item.effects] for item in read.tracks[0]]
    moving = [] if speed == 1 else [pytest.approx(speed)]
    assert scalars == [moving, [], moving, [0], [], moving]
    assert read.tracks[0][2].metadata["vs_align"]["confidence"] == 0.75
    assert json.loads((tmp_path / "cut.otio").read_text())["OTIO_SCHEMA"].startswith("Timeline")


def test_frames_left_out_make_no_events() -> None:
    """Two percent of dropped frames are one event with another speed, not a hundred events."""
    kept = [n for n in range(1000) if n % 50 != 49]
    line = Timeline.from_frame_map(kept, clip_rate=25, ref_rate=25, clip_length=1000)
    clip, ref = MediaFile(Path("c.mkv"), Fraction(25), 1000), MediaFile(Path("r.mkv"), Fraction(25), 980)
    (track,) = otio_timeline(line, clip, ref).tracks
    (event,) = track
    assert event.metadata["vs_align"]["dropped"] == 19
    assert event.effects[0].time_scalar == pytest.approx(1000 / 980, rel=1e-3)


def seconds(text: str | None) -> Fraction:
    assert text is not None
    assert text.endswith("s")
    return Fraction(text[:-1])


def tree_of(path: Path) -> Element:
    return fromstring(path.read_text(encoding="utf-8"))  # noqa: S314 - it was written here


def spine_of(path: Path) -> Element:
    spine = tree_of(path).find("library/event/project/sequence/spine")
    assert spine is not None
    return spine


@pytest.mark.parametrize(("ref_rate", "clip_rate"), [(Fraction(25), Fraction(25)), (FILM, Fraction(25)), (NTSC, FILM)])
def test_fcpxml(ref_rate: Fraction, clip_rate: Fraction, tmp_path: Path) -> None:
    timeline, clip, ref = files(ref_rate, clip_rate, start=100)
    write_fcpxml(timeline, clip, ref, tmp_path / "cut.fcpxml")
    spine, reached, found = spine_of(tmp_path / "cut.fcpxml"), Fraction(0), []
    speed = ref_rate / clip_rate
    for item in spine:
        offset, duration = seconds(item.get("offset")), seconds(item.get("duration"))
        assert offset == reached
        reached += duration
        if item.tag == "gap":
            continue
        start = seconds(item.get("start"))
        points = [(seconds(p.get("time")), seconds(p.get("value"))) for p in item.iterfind("timeMap/timept")]
        if points:
            assert points[0][0] == start
            assert points[1][0] == start + duration
            held = points[1][1] == points[0][1]
            assert held or (points[1][1] - points[0][1]) / duration == speed
            start = points[0][1]
        else:
            assert speed == 1
        found.append((float(offset * ref_rate), float(duration * ref_rate), float(start * clip_rate) - 100))
    assert found == EVENTS
    assert reached == 600 / ref_rate
    root = tree_of(tmp_path / "cut.fcpxml")
    durations = {item.get("id"): seconds(item.get("frameDuration")) for item in root.iterfind("resources/format")}
    assert durations == {"r1": 1 / ref_rate, "r2": 1 / clip_rate}
    assert (spine.find("asset-clip/conform-rate") is None) == (ref_rate == clip_rate)


def test_fcpxml_is_read_by_the_adapter(tmp_path: Path) -> None:
    if "fcpx_xml" not in otio.adapters.available_adapter_names():
        pytest.skip("the adapter for FCPXML is not installed")
    timeline, clip, ref = files(Fraction(25), Fraction(25))
    write_fcpxml(timeline, clip, ref, tmp_path / "cut.fcpxml")
    (project,) = otio.adapters.read_from_file(str(tmp_path / "cut.fcpxml"), "fcpx_xml")
    (track,) = project.tracks
    assert events_in(track) == EVENTS
    assert gaps_in(track) == [(100, 50), (450, 50)]
    assert track[0].media_reference.target_url == "file:///films/my%20clip%20%C3%A9.mkv"


def test_variable_rate_is_counted_by_time(tmp_path: Path) -> None:
    """Clip frames after a pause of 2 s lie 50 frames later for an editing program."""
    times = [n / 25 + (2 if n >= 300 else 0) for n in range(1000)]
    timeline, clip, ref = files(Fraction(25), Fraction(25))
    line = Timeline(SEGMENTS, timeline.clip_rate, timeline.ref_rate, 1000, 600, clip_times=tuple(times))
    (video, _) = otio_timeline(line, clip, ref).tracks
    assert [source for _, _, source in events_in(video)] == [50, 350, 670, 750]


def test_what_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    timeline, clip, ref = files(Fraction(25), Fraction(25))
    with pytest.raises(ArgumentError, match=r"write_fcpxml: clip\.length must be .* \(1000\), got 600"):
        write_fcpxml(timeline, ref, ref, tmp_path / "cut.fcpxml")
    still = MediaFile(clip.path, Fraction(0), 1000)
    with pytest.raises(ArgumentError, match=r"otio_timeline: clip\.rate must be above 0, got 0"):
        otio_timeline(timeline, still, ref)
    monkeypatch.setitem(sys.modules, "opentimelineio", None)
    for write in (write_edl, write_otio):
        with pytest.raises(MissingDependencyError, match=r"pip install opentimelineio "):
            write(timeline, clip, ref, tmp_path / "cut")
    assert not list(tmp_path.iterdir())


def within_media(path: Path) -> list[tuple[str, Fraction, Fraction]]:
    """What each piece of the spine is and its length and first value; fails where it uses more than its media has."""
    root, made, reached = tree_of(path), [], Fraction(0)
    asset = root.find("resources/asset")
    assert asset is not None
    low = seconds(asset.get("start"))
    high = low + seconds(asset.get("duration"))
    for item in spine_of(path):
        offset, duration = seconds(item.get("offset")), seconds(item.get("duration"))
        assert offset == reached
        reached += duration
        values = [seconds(point.get("value")) for point in item.iterfind("timeMap/timept")]
        start = seconds(item.get("start"))
        if item.tag == "asset-clip":
            assert all(low <= value <= high for value in values)
            # a time map counts anew, within the media where there is room
            assert low <= start
            assert start + duration <= (max(high, low + duration) if values else high)
        made.append((item.tag, duration, values[0] if values else start))
    return made


def test_nothing_of_clip_is_used_twice_by_rounding(tmp_path: Path) -> None:
    """Ref's last frame begins before clip's last ends and goes on beyond it: clip's last frame is held there."""
    line = Timeline((Segment(0, 286, 0, 2.5),), Fraction(60), Fraction(24), 716, 287)
    clip, ref = MediaFile(Path("c.mkv"), Fraction(60), 716), MediaFile(Path("r.mkv"), Fraction(24), 287)
    write_fcpxml(line, clip, ref, tmp_path / "cut.fcpxml")
    frame = Fraction(1, 24)
    assert within_media(tmp_path / "cut.fcpxml") == [
        ("asset-clip", 286 * frame, 0),
        ("asset-clip", frame, Fraction(715, 60)),
    ]
    (track,) = otio_timeline(line, clip, ref).tracks
    assert events_in(track) == [(0, 286, 0), (286, 1, 715)]
    assert [type(effect).__name__ for item in track for effect in item.effects] == ["FreezeFrame"]
    write_edl(line, clip, ref, tmp_path / "cut.edl")
    lines = [text.split()[-4:] for text in (tmp_path / "cut.edl").read_text().splitlines() if text[:3].isdigit()]
    assert lines[0] == ["00:00:00:00", "00:00:11:22", "00:00:00:00", "00:00:11:22"]


@pytest.mark.parametrize("first", [70, 71])
def test_odd_frames_do_not_move_an_event(first: int, tmp_path: Path) -> None:
    """One frame, or two, that lie beside the line; before clip begins they hold its first frame."""
    segments = (
        Segment(0, first - 1, None, kind=SegmentKind.INSERT),
        Segment(first, 71, 0, 1.0 if first == 71 else 0.0, SegmentKind.MATCH if first == 71 else SegmentKind.HOLD),
        Segment(72, 359, 0),
        Segment(360, 360, 287),
        Segment(361, 400, 289),
    )
    line = Timeline(segments, Fraction(24), Fraction(24), 329, 401)
    clip, ref = MediaFile(Path("c.mkv"), Fraction(24), 329, start=100), MediaFile(Path("r.mkv"), Fraction(24), 401)
    write_fcpxml(line, clip, ref, tmp_path / "cut.fcpxml")
    frame, zero = Fraction(1, 24), Fraction(100, 24)
    assert within_media(tmp_path / "cut.fcpxml") == [
        ("gap", first * frame, 0),
        ("asset-clip", (72 - first) * frame, zero),
        ("asset-clip", 329 * frame, zero),
    ]


def test_what_runs_backwards_stays_within_its_media(tmp_path: Path) -> None:
    line = Timeline((Segment(0, 99, 99, -1.0),), Fraction(25), Fraction(25), 100, 100)
    clip, ref = MediaFile(Path("c.mkv"), Fraction(25), 100), MediaFile(Path("r.mkv"), Fraction(25), 100)
    write_fcpxml(line, clip, ref, tmp_path / "cut.fcpxml")
    assert within_media(tmp_path / "cut.fcpxml") == [("asset-clip", Fraction(4), Fraction(4))]
    write_edl(line, clip, ref, tmp_path / "cut.edl")
    text = (tmp_path / "cut.edl").read_text()
    assert "C        00:00:00:00 00:00:04:00 00:00:00:00 00:00:04:00" in text
    assert "M2   C        -025.000000 " in text


@pytest.mark.parametrize("seed", range(40))
def test_no_event_leaves_its_media(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    rates = [Fraction(24), FILM, Fraction(25), NTSC, Fraction(50), Fraction(60), Fraction(1000, 33)]
    clip_rate, ref_rate = (rates[n] for n in rng.integers(0, len(rates), 2))
    length = int(rng.integers(1, 400))
    rate = float(rng.choice([1.0, float(clip_rate / ref_rate), 1.00037, -1.0]))
    first = int(rng.integers(0, length)) if rate > 0 else length - 1
    count = max(1, int((length - 1 - first if rate > 0 else first) / abs(rate)))
    line = Timeline((Segment(0, count - 1, first, rate),), clip_rate, ref_rate, length, count)
    clip = MediaFile(Path("c.mkv"), clip_rate, length, start=int(rng.integers(0, 1000)))
    write_fcpxml(line, clip, MediaFile(Path("r.mkv"), ref_rate, count), tmp_path / "cut.fcpxml")
    assert sum(duration for _, duration, _ in within_media(tmp_path / "cut.fcpxml")) == count / ref_rate


def test_names_have_their_extension(tmp_path: Path) -> None:
    write_fcpxml(*files(Fraction(25), Fraction(25)), tmp_path / "cut.fcpxml")
    root = tree_of(tmp_path / "cut.fcpxml")
    asset = root.find("resources/asset")
    assert asset is not None
    assert asset.get("name") == "my clip é.mkv"
    assert {item.get("name") for item in spine_of(tmp_path / "cut.fcpxml")} == {"Gap", "my clip é.mkv"}


@pytest.mark.parametrize("rate", [Fraction(10), Fraction(25, 2), Fraction(15), Fraction(120), Fraction(18)])
def test_rates_that_no_time_code_knows_are_told_beforehand(rate: Fraction, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=rf"^time codes know no {float(rate):g} frames per second, which r\.mkv has;"):
        check_rate(rate, "r.mkv")
    with pytest.raises(ArgumentError, match=r"ref\.rate must be one that time codes know"):
        write_edl(*files(rate, rate), tmp_path / "cut.edl")


@pytest.mark.parametrize(
    "rate", [FILM, NTSC, Fraction(25), Fraction(50), Fraction(60), Fraction(4608000, 191989), Fraction(0)]
)
def test_rates_that_may_turn_out_well_are_not_refused_beforehand(rate: Fraction) -> None:
    """A container that lacks a frame at its end names a mean that is a little off."""
    check_rate(rate, "r.mkv")
