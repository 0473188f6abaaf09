"""Files whose time stamps lack, restart, wrap or are out of order: both readers see the same frames and times."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.media.films import SOUND_RATE, heard, lag, picture, shown_numbers, sound, write_film
from tests.media.odd_files import COUNT, ENCODED, RATE, SECONDS, cut, encoded, ffmpeg, film, joined, packed
from vs_align.errors import MediaError
from vs_align.export.mux import mux_audio
from vs_align.measure.fingerprints.extraction import file_fingerprints
from vs_align.measure.fingerprints.fingerprint import Fingerprints
from vs_align.media.audio_reader import AudioReader
from vs_align.media.audio_track import read_audio
from vs_align.media.probe import probe
from vs_align.media.restamped import write_restamped
from vs_align.media.source import Source, open_source
from vs_align.media.thumbnails import read_thumbnails
from vs_align.timeline.timeline import Timeline

SIZE = (96, 54)


def both(path: Path, fps: Fraction | None = None) -> tuple[Source, Fingerprints]:
    """A file as it is rendered and as it is analysed."""
    file = probe(path, fps)
    rendered, analysed = open_source(file), file_fingerprints(file, None)
    assert analysed.clock is not None
    assert (len(analysed), analysed.rate, analysed.variable) == (rendered.length, rendered.rate, rendered.variable)
    assert analysed.times == pytest.approx(rendered.times, abs=0.002)
    assert analysed.clock.start == pytest.approx(rendered.start, abs=0.002)
    return rendered, analysed


def has_encoder(name: str) -> bool:
    try:
        av.codec.Codec(name, "w")
    except av.codec.codec.UnknownCodecError:
        return False
    return True


def assert_numbers(analysed: Fingerprints, numbers: list[int]) -> None:
    wanted = np.stack([picture(number, *SIZE) for number in range(COUNT)]).astype(np.int64)
    found = analysed.thumbnails(0, len(analysed)).astype(np.int64)
    assert [int(np.abs(wanted - luma).mean(axis=(1, 2)).argmin()) for luma in found] == numbers


@pytest.mark.parametrize("name", ENCODED)
def test_every_frame_at_its_time(tmp_path: Path, name: str) -> None:
    if name == "raw.hevc" and not has_encoder("libx265"):
        pytest.skip("this ffmpeg has no libx265")
    rendered, analysed = both(encoded(tmp_path, name))
    assert (rendered.rate, rendered.variable, rendered.length) == (Fraction(RATE), False, COUNT)
    assert rendered.times == pytest.approx(np.arange(COUNT) / RATE, abs=1e-9)
    assert_numbers(analysed, list(range(COUNT)))


def test_two_frames_in_a_packet(tmp_path: Path) -> None:
    rendered, analysed = both(packed(tmp_path))
    assert (rendered.rate, rendered.variable, rendered.length) == (Fraction(RATE), False, COUNT)
    assert_numbers(analysed, list(range(COUNT)))


def test_a_cut_by_an_edit_list_is_not_truncated(tmp_path: Path) -> None:
    path = cut(tmp_path)
    rendered, analysed = both(path)
    assert (probe(path).frames or 0) > rendered.length
    assert rendered.rate == RATE
    last = 30 + round(rendered.times[-1] * RATE)
    assert_numbers(analysed, [*range(30, 30 + rendered.length - 1), last])


def test_far_too_little_is_still_said(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4", range(200), RATE)
    data = bytearray(path.read_bytes())
    begin = data.index(b"mdat") + 4
    data[begin + 4000 : data.index(b"moov") - 4] = bytes(data.index(b"moov") - 4 - begin - 4000)
    path.write_bytes(data)
    with pytest.raises(MediaError, match=r"film\.mp4 is truncated or damaged"):
        open_source(probe(path))


def test_a_raw_stream_without_a_rate_is_asked_for_one(tmp_path: Path) -> None:
    if not has_encoder("libx265"):
        pytest.skip("this ffmpeg has no libx265")
    path = tmp_path / "bare.hevc"
    ffmpeg(
        "-i", film(tmp_path, count=30), "-an", "-c:v", "libx265", "-preset", "ultrafast", "-x265-params",
        "log-level=none:vui-timing-info=0", path,
    )  # fmt: skip
    with pytest.raises(MediaError, match=r"bare\.hevc is a raw stream that names no frame rate.*--clip-fps"):
        probe(path)
    rendered, _ = both(path, Fraction(30000, 1001))
    assert rendered.rate == Fraction(30000, 1001)
    assert rendered.times[-1] == pytest.approx(29 * 1001 / 30000)


def test_packets_without_content_end_nothing(tmp_path: Path) -> None:
    """Theora says by them that a frame is shown on."""
    path = tmp_path / "still.ogv"
    still = [*range(20), *[20] * 12, *range(21, 41)]
    ffmpeg(
        "-i", write_film(tmp_path / "film.mkv", still, RATE, pix_fmt="yuv420p"), "-c:v", "libtheora", "-q:v", 9, path
    )
    with av.open(str(path)) as container:
        packets = list(container.demux(video=0))
    empty = sum(not packet.size for packet in packets) - 1
    if not empty:
        pytest.skip("this libtheora writes no empty packets")
    rendered, analysed = both(path)
    assert rendered.length == len(still) - empty
    assert rendered.times[-1] == pytest.approx((len(still) - 1) / RATE)
    assert (rendered.rate, rendered.variable) == (Fraction(RATE), True)
    assert_numbers(analysed, still[: 20 + 12 - empty] + still[32:])


def test_a_clock_that_starts_anew_goes_on_in_picture_and_sound(tmp_path: Path) -> None:
    path = joined(tmp_path, (0, 40), (40, 56))
    rendered, analysed = both(path)
    assert (rendered.rate, rendered.variable, rendered.length) == (Fraction(RATE), False, COUNT)
    assert_numbers(analysed, list(range(COUNT)))
    assert rendered.shifts == pytest.approx((40 / RATE,), abs=0.002)
    assert "start anew at frame 40" in rendered.remarks[0]
    assert_heard(path, rendered)
    # a second reader of the same sound
    whole = read_audio(path, 16000, zero=rendered.start, shifts=rendered.shifts)
    found = np.zeros(round(SECONDS * 16000))
    begin = max(0, round(-whole.start * 16000))
    part = whole.samples[begin : begin + len(found)]
    found[: len(part)] = part / 32768
    for piece in (slice(0, 26000), slice(28000, 60000)):
        wanted = sound(10 * SECONDS)[: round(SECONDS * SOUND_RATE)][::3]
        late, likeness = lag(wanted[piece], found[piece])
        assert abs(late * SOUND_RATE / 16000) < 0.001
        assert likeness > 0.8


def assert_heard(path: Path, source: Source) -> None:
    """Sound is in its place before and behind the place where the clock starts anew, to half a millisecond."""
    reader = AudioReader(path, source.start, shifts=source.shifts)
    samples = reader.read(0, round(SECONDS * SOUND_RATE))[:, 0].astype(np.float64)
    for begin, end in ((0.1, 1.5), (1.8, 3.9)):
        part = slice(round(begin * SOUND_RATE), round(end * SOUND_RATE))
        late, likeness = lag(sound(10 * SECONDS)[: round(SECONDS * SOUND_RATE)][part], samples[part])
        assert abs(late) < 0.0006
        assert likeness > 0.9


@pytest.mark.parametrize("order", [(30, 0), (70, 10, 50)])
def test_sound_of_new_clocks_in_any_order(tmp_path: Path, order: tuple[int, ...]) -> None:
    path = joined(tmp_path, (0, 40), (40, 56))
    source = open_source(probe(path))
    steady = AudioReader(path, source.start, shifts=source.shifts).read(0, round(SECONDS * SOUND_RATE))
    reader = AudioReader(path, source.start, shifts=source.shifts)
    for frame in order:
        assert np.array_equal(reader.read(frame * 2000, 2000), steady[frame * 2000 : (frame + 1) * 2000])


def test_reading_goes_on_behind_a_new_clock(tmp_path: Path) -> None:
    whole = list(read_thumbnails(joined(tmp_path, (0, 40), (40, 56)), SIZE))
    for skip in (20, 40, 60):
        rest = list(read_thumbnails(tmp_path / "joined.ts", SIZE, skip, whole[skip - 1].time))
        assert [each.time for each in rest] == [each.time for each in whole[skip:]]
        assert all(np.array_equal(a.luma, b.luma) for a, b in zip(rest, whole[skip:], strict=True))


@pytest.mark.parametrize("name", ["raw.264", "frames.avi", "packed.avi", "joined.ts"])
def test_pictures_are_copied_with_their_own_times(tmp_path: Path, name: str) -> None:
    if name in ENCODED:
        path = encoded(tmp_path, name)
    else:
        path = packed(tmp_path) if name == "packed.avi" else joined(tmp_path, (0, 40), (40, 56))
    source = open_source(probe(path))
    assert source.mended
    start = write_restamped(source, tmp_path / "picture.nut")
    with av.open(str(tmp_path / "picture.nut")) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert times == pytest.approx(np.arange(COUNT) / RATE + start, abs=1e-4)
    assert shown_numbers(tmp_path / "picture.nut", range(COUNT)) == list(range(COUNT))


def test_frames_that_an_edit_list_hides_stay_hidden(tmp_path: Path) -> None:
    clip, ref = film(tmp_path, "clip.mp4"), cut(tmp_path)
    sources = open_source(probe(clip)), open_source(probe(ref))
    shown = sources[1].length
    frames = [30 + n for n in range(shown)]
    made = Timeline.from_frame_map(frames, clip_rate=RATE, ref_rate=RATE, clip_length=COUNT)
    with pytest.raises(MediaError, match=rf"cut\.mp4 stores \d+ frames and shows {shown}.*\.mkv cannot"):
        mux_audio(made, *sources, tmp_path / "m.mkv")
    assert not (tmp_path / "m.mkv").exists()
    mux_audio(made, *sources, tmp_path / "m.mp4")
    assert len(shown_numbers(tmp_path / "m.mp4", range(COUNT))) == shown
    assert shown_numbers(tmp_path / "m.mp4", range(COUNT))[:20] == frames[:20]


def test_sound_that_an_edit_list_hides_is_not_copied(tmp_path: Path) -> None:
    clip, ref = cut(tmp_path), film(tmp_path, "ref.mkv")
    sources = open_source(probe(clip)), open_source(probe(ref))
    frames = [n - 30 if 30 <= n < 30 + sources[0].length else None for n in range(COUNT)]
    made = Timeline.from_frame_map(frames, clip_rate=RATE, ref_rate=RATE, clip_length=sources[0].length)
    done = mux_audio(made, *sources, tmp_path / "m.mkv")
    assert (done.copied, done.reason) == (False, "an edit list hides how it begins")
    silence = heard(tmp_path / "m.mkv", 30 / RATE)[: round(1.2 * SOUND_RATE)]
    assert np.abs(silence).max() < 0.001
