#!/usr/bin/env python3
"""How exactly does sound say which second of one file is heard at each second of another, and how sure is it?

    python scripts/bench_audio.py [--only WORD ...] [--hours 2] [--minutes 5]

Sounds are made: speech, music and both as a film has them, from seeds. Of each pair one has gone through an encoder,
another microphone in another room, a change of speed, cuts, or has nothing to do with the other. Printed are the
largest error of a stretch at its ends and its middle, the largest error of a cut, the error of the speed, the
confidence, and the seconds that it took. The last case is as long as a film; its peak memory is printed too.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
import wave as wave_file
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.measure.audio.audio_signals import RATE, as_sound, film, microphone, music, pitch_kept, sampled_at, speech
from vs_align.io.array_types import Float64Array
from vs_align.measure.audio.matching import AudioMatch, match_audio
from vs_align.media.audio_track import MonoAudio, read_audio
from vs_align.media.ffmpeg import find_ffmpeg

LATE = 37
"""Seconds by which clip begins later than ref in most cases."""
CUTS = 0.25, 0.5, 0.8
_ROW = "{:46} {:>9} {:>7} {:>7} {:>5} {:>5} {:>6} "

Truth = tuple[tuple[float, float, float, float], ...]
"""Ref start, ref end, clip start, speed of each stretch; none for sounds that are unrelated."""


@dataclass(frozen=True, slots=True)
class Case:
    """A pair of sounds and what is true of them."""

    name: str
    make: Callable[[], tuple[MonoAudio, MonoAudio]]
    truth: Truth


def encoded(wave: Float64Array, codec: list[str], suffix: str, rate: int = 44_100) -> MonoAudio:
    """The wave after an encoder, with a picture beside it."""
    with tempfile.TemporaryDirectory() as folder:
        plain, target = Path(folder) / "plain.wav", Path(folder) / f"coded{suffix}"
        with wave_file.open(str(plain), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(as_sound(wave).samples.tobytes())
        command = [str(find_ffmpeg()), "-v", "error", "-f", "lavfi", "-i", "color=size=64x48:rate=25", "-i", str(plain)]
        command += ["-shortest", "-c:v", "mpeg4", "-ar", str(rate), *codec, str(target)]
        subprocess.run(command, check=True)
        return read_audio(target)


@cache
def late_film(seconds: float) -> tuple[Float64Array, Float64Array]:
    """A film, and the same from `LATE` on."""
    base = film(seconds, 1)
    return base[LATE * RATE :], base


@cache
def cut_film(seconds: float) -> Float64Array:
    """The film without 20 s after a quarter, with another minute in the middle and 40 ms less later."""
    base = late_film(seconds)[1]
    a, b, c = (round(seconds * share) for share in CUTS)
    parts = [base[: a * RATE], base[(a + 20) * RATE : b * RATE], film(60, 77), base[b * RATE : c * RATE]]
    return np.concatenate([*parts, base[c * RATE + RATE // 25 :]])


def cases(minutes: float) -> Iterator[Case]:
    """Yield all cases of some minutes."""
    n = 60 * minutes
    shifted: Truth = ((LATE, n, 0.0, 1.0),)
    for name, codec, suffix in (
        ("AAC 128k in mp4", ["-c:a", "aac", "-b:a", "128k"], ".mp4"),
        ("MP3 in mkv", ["-c:a", "libmp3lame", "-b:a", "96k"], ".mkv"),
        ("Opus in mkv", ["-c:a", "libopus", "-b:a", "64k", "-ar", "48000"], ".mkv"),
        ("AC-3 in ts", ["-c:a", "ac3", "-ar", "48000"], ".ts"),
    ):
        yield Case(
            name,
            lambda c=codec, s=suffix: (  # type: ignore[misc]
                encoded(0.3 * late_film(n)[0], c, s),
                as_sound(late_film(n)[1]),
            ),
            shifted,
        )
    for db, rt60, direct in ((0.0, 0.3, 1.0), (0.0, 0.5, 1.0), (0.0, 0.5, 0.3), (-5.0, 0.5, 1.0)):
        yield Case(
            f"microphones, {db:.0f} dB, RT60 {rt60}, direct {direct}",
            lambda a=db, b=rt60, c=direct: (  # type: ignore[misc]
                as_sound(microphone(late_film(n)[0], 11, b, c, a)),
                as_sound(microphone(late_film(n)[1], 12, b, c, a)),
            ),
            shifted,
        )
    for name, speed in (("drift 150 ppm", 1 + 150e-6), ("24/23.976", 1.001), ("PAL, pitch up", 25 / 24 * 1.001)):
        places = np.arange(int(n * RATE / speed)) * speed
        truth: Truth = ((0.0, n, 0.0, 1 / speed),)
        yield Case(
            name,
            lambda p=places: (as_sound(sampled_at(late_film(n)[1], p)), as_sound(late_film(n)[1])),  # type: ignore[misc]
            truth,
        )
        yield Case(
            f"{name}, microphones 0 dB",
            lambda p=places: (  # type: ignore[misc]
                as_sound(microphone(sampled_at(late_film(n)[1], p), 3)),
                as_sound(microphone(late_film(n)[1], 4)),
            ),
            truth,
        )
    kept: Truth = ((0.0, n, 0.0, 24 / 25),)
    yield Case("PAL, pitch kept", lambda: (pitch_kept(late_film(n)[1], 25 / 24), as_sound(late_film(n)[1])), kept)
    a, b, c = (round(n * share) for share in CUTS)
    edges: Truth = (
        (0.0, a, 0.0, 1.0),
        (a, b - 20, a + 20, 1.0),
        (b + 40, c + 40, b, 1.0),
        (c + 40, n + 40 - 0.04, c + 0.04, 1.0),
    )
    yield Case("cut, inserted, 40 ms lost", lambda: (as_sound(late_film(n)[1]), as_sound(cut_film(n))), edges)
    yield Case(
        "cut, inserted, 40 ms lost, microphones 0 dB",
        lambda: (as_sound(microphone(late_film(n)[1], 5)), as_sound(microphone(cut_film(n), 6))),
        edges,
    )
    yield from other_cases(n)


def other_cases(n: float) -> Iterator[Case]:
    """Yield those that have little or nothing in common, or too much."""
    yield Case(
        "dub: words 6 dB under music",
        lambda: (
            as_sound(2 * music(n, 9)[: int(n * RATE)] + speech(n, 21)),
            as_sound(2 * music(n, 9)[: int(n * RATE)] + speech(n, 22)),
        ),
        ((0.0, n, 0.0, 1.0),),
    )
    yield Case("unrelated films", lambda: (as_sound(film(n, 31)), as_sound(late_film(n)[1])), ())
    yield Case("unrelated speech", lambda: (as_sound(speech(n, 21)), as_sound(speech(n, 22))), ())
    yield Case("unrelated music", lambda: (as_sound(music(n, 9)), as_sound(music(n, 41))), ())
    loop = as_sound(np.tile(music(8, 5), round(n / 8)))
    yield Case("a loop of 8 s (several are right)", lambda: (loop, loop), ())
    yield Case("silence", lambda: (as_sound(np.zeros(int(n * RATE))), as_sound(late_film(n)[1])), ())


def errors(found: AudioMatch, truth: Truth) -> tuple[float | None, float | None, float | None]:
    """Largest error of a stretch in ms, of an edge in s, and of a speed in ppm; None where too few were found."""
    if not truth:
        return None, None, None
    worst = edge = rate = 0.0
    for start, end, clip, speed in truth:
        middle = (start + end) / 2
        right = [s for s in found.intervals if s.ref_start <= middle < s.ref_end]
        if not right:
            return None, None, None
        s = right[0]
        for time_ in np.linspace(s.ref_start, s.ref_end, 3):
            said = s.clip_start + (time_ - s.ref_start) * s.speed
            worst = max(worst, abs(said - clip - (time_ - start) * speed) * 1000)
        edge = max(edge, abs(s.ref_start - start), abs(s.ref_end - end))
        rate = max(rate, abs(s.speed / speed - 1) * 1e6)
    return worst, edge, rate


def tidy_join(parts: int, seconds: float, seed: int) -> MonoAudio:
    """A long sound, made in parts so that its making needs no more memory than its comparison."""
    samples = np.empty(round(parts * seconds) * RATE, np.int16)
    for k in range(parts):
        part = np.clip(film(seconds, seed + 3 * k) * 12_000, -32768, 32767).astype(np.int16)
        samples[k * len(part) : (k + 1) * len(part)] = part
    return MonoAudio(samples, RATE)


def show(name: str, found: AudioMatch, truth: Truth, seconds: float) -> None:
    """Print one line of the table, as soon as it is known."""
    shown = [("-" if value is None else f"{value:.3f}") for value in errors(found, truth)]
    cells = [*shown, f"{found.confidence:.2f}", str(len(found.intervals)), f"{seconds:.2f}"]
    print(_ROW.format(name, *cells), found.reason, flush=True)


def main() -> None:
    """Parse the command line, measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=[""], help="cases whose names hold one of these words")
    parser.add_argument("--hours", type=float, default=2.0, help="length of the last case; 0 leaves it out")
    parser.add_argument("--minutes", type=float, default=5.0, help="length of the others")
    args = parser.parse_args()
    match_audio(as_sound(film(20, 1)), as_sound(film(20, 1)))  # compiles
    print(_ROW.format("case", "ms", "edge s", "ppm", "sure", "parts", "s"), "reason")
    for case in cases(args.minutes):
        if any(word in case.name for word in args.only):
            clip, ref = case.make()
            began = time.perf_counter()
            found = match_audio(clip, ref)
            show(case.name, found, case.truth, time.perf_counter() - began)
    if args.hours and any(word in "long pair" for word in args.only):
        parts = max(1, round(args.hours * 12))
        ref = tidy_join(parts, 300, 1000)
        gone = 400 * RATE
        noise = np.random.default_rng(1).integers(-200, 200, len(ref.samples) - gone, np.int16)
        noise += ref.samples[gone:] // 2
        clip = MonoAudio(noise, RATE)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.perf_counter()
        found = match_audio(clip, ref)
        took, peak = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        name = f"long pair, {args.hours:g} h, {peak / 1024:.0f} MiB at most ({before / 1024:.0f} before)"
        show(name, found, ((400.0, ref.duration, 0.0, 1.0),), took)


if __name__ == "__main__":
    main()
