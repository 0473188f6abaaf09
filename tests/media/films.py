"""Small films with known pictures and known sound, and what is needed to recognise both again."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from vs_align.io.array_types import Float32Array, Float64Array, UInt8Array

WIDTH, HEIGHT = 160, 90
SOUND_RATE = 48000


def picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> UInt8Array:
    """Luma of frame `number` of the only film there is: a coarse pattern of its own."""
    field = np.random.default_rng(1000 + number).integers(40, 216, (6, 10))
    rows = np.arange(height) * 6 // height
    columns = np.arange(width) * 10 // width
    return field[rows][:, columns].astype(np.uint8)


def sound(seconds: float, seed: int = 1, rate: int = SOUND_RATE) -> Float64Array:
    """Noise below 6 kHz, which every codec keeps."""
    count = round(seconds * rate)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    spectrum[round(6000 * count / rate) :] = 0
    wave = np.fft.irfft(spectrum, count)
    return np.asarray(0.4 * wave / np.abs(wave).max())


def write_film(
    path: Path,
    numbers: Sequence[int],
    rate: Fraction | int = 25,
    *,
    start: float = 0.0,
    times: Sequence[float] | None = None,
    wave: Float64Array | None = None,
    wave_start: float = 0.0,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    audio_codec: str | None = None,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    tags: dict[str, int] | None = None,
    sample_aspect: Fraction | None = None,
    paint: Callable[[int, int, int], UInt8Array] = picture,
) -> Path:
    """Write frames of the film, at a rate or at given times (seconds), with sound if a wave is given.

    Another film is that of which `paint` gives the luma for a number, a width and a height.
    """
    default_sound = {".mkv": "flac", ".mp4": "aac", ".mov": "aac"}.get(path.suffix, "aac")
    with av.open(str(path), "w") as container:
        options = {"crf": "8", "preset": "ultrafast"} if codec == "libx264" else {}
        video: Any = container.add_stream(codec, rate=Fraction(rate), options=options)
        video.width, video.height = size
        video.pix_fmt = pix_fmt
        if sample_aspect is not None:
            video.codec_context.sample_aspect_ratio = sample_aspect
        video.codec_context.time_base = Fraction(1, 90000) if times is not None or start else 1 / Fraction(rate)
        for key, value in (tags or {}).items():
            setattr(video.codec_context, key, value)
        audio: Any = None
        if wave is not None:
            audio = container.add_stream(audio_codec or default_sound, rate=SOUND_RATE, layout="mono")
        for packet in _audio_packets(audio, wave, wave_start):
            container.mux(packet)
        for k, number in enumerate(numbers):
            frame = av.VideoFrame.from_ndarray(paint(number, *size), format="gray").reformat(format=pix_fmt)
            seconds = start + (times[k] if times is not None else k / float(rate))
            frame.time_base = video.codec_context.time_base
            frame.pts = round(seconds / float(video.codec_context.time_base))
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    return path


def _audio_packets(stream: Any, wave: Float64Array | None, start: float) -> list[Any]:
    if wave is None:
        return []
    packets = []
    resampler = av.AudioResampler(format=stream.codec_context.format, layout="mono", rate=SOUND_RATE, frame_size=1024)
    samples = np.round(wave * 32767).astype(np.int16)[None]
    frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
    frame.sample_rate = SOUND_RATE
    frame.pts, frame.time_base = round(start * SOUND_RATE), Fraction(1, SOUND_RATE)
    for done in [*resampler.resample(frame), *resampler.resample(None)]:
        packets += stream.encode(done)
    return packets + list(stream.encode(None))


def write_audio(
    path: Path, samples: Float32Array, rate: int, layout: str, codec: str, bit_rate: int | None = None
) -> Path:
    """Write samples, (n, channels), as a file of one audio track: alike with whichever ffmpeg program there is."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=rate, layout=layout)
        if bit_rate is not None:
            stream.bit_rate = bit_rate
        size = {"libopus": 960, "flac": 4608, "pcm_s24le": 1024, "ac3": 1536}.get(codec, 1024)
        form = stream.codec_context.format
        resampler = av.AudioResampler(format=form, layout=layout, rate=rate, frame_size=size)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.reshape(1, -1)), format="flt", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        for done in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(done))
        container.mux(stream.encode(None))
    return path


def turn(path: Path, angle: int) -> None:
    """Tell players of an MP4 file to turn its picture counterclockwise by degrees, a multiple of 90."""
    content = bytearray(path.read_bytes())
    box = content.index(b"tkhd") + 4
    matrix = box + (52 if content[box] else 40)
    cosine, sine = round(np.cos(np.deg2rad(angle))), round(np.sin(np.deg2rad(angle)))
    for place, value in zip((0, 4, 12, 16), (cosine, -sine, sine, cosine), strict=True):
        content[matrix + place : matrix + place + 4] = (value << 16).to_bytes(4, signed=True)
    path.write_bytes(content)


def shown_numbers(path: Path, candidates: Sequence[int]) -> list[int]:
    """Tell which frame of the film each frame of a file shows: the nearest of the candidates."""
    patterns = np.array([picture(number).astype(float) for number in candidates])
    shown = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            luma = frame.reformat(WIDTH, HEIGHT, format="gray").to_ndarray().astype(float)
            shown.append(candidates[int(np.abs(patterns - luma).mean(axis=(1, 2)).argmin())])
    return shown


def frame_seconds(path: Path) -> list[float]:
    """Time stamps of the frames of a file, in seconds since the first."""
    with av.open(str(path)) as container:
        stamps = [frame.time for frame in container.decode(video=0)]
    first = stamps[0] or 0.0
    return [(stamp or 0.0) - first for stamp in stamps]


def heard(path: Path, seconds: float) -> Float64Array:
    """Sound of a file from its first picture on, as players play it: sample 0 is heard when frame 0 is seen."""
    out = np.zeros(round(seconds * SOUND_RATE))
    with av.open(str(path)) as container:
        first = next(container.decode(video=0)).time or 0.0
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SOUND_RATE)
        position = None
        for frame in container.decode(audio=0):
            if position is None:
                position = round(((frame.time or 0.0) - first) * SOUND_RATE)
            for done in resampler.resample(frame):
                samples = done.to_ndarray().reshape(-1)
                begin, end = max(position, 0), min(position + len(samples), len(out))
                if begin < end:
                    out[begin:end] = samples[begin - position : end - position]
                position += len(samples)
    return out


def lag(expected: Float64Array, found: Float64Array) -> tuple[float, float]:
    """Seconds by which `found` comes later than `expected`, and how alike they are then (1 is equal)."""
    count = len(expected) + len(found)
    spectrum = np.fft.rfft(found, count) * np.conj(np.fft.rfft(expected, count))
    correlation = np.fft.irfft(spectrum, count)
    best = int(np.argmax(correlation))
    likeness = correlation[best] / np.sqrt((expected**2).sum() * (found**2).sum())
    return (best if best < count // 2 else best - count) / SOUND_RATE, float(likeness)
