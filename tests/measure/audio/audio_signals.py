"""Synthetic audio (speech, music, film mixes) and degradations: rooms, noise, resampling, time stretching."""

import subprocess

import numpy as np

from vs_align.io.array_types import Float64Array
from vs_align.media.audio_track import MonoAudio
from vs_align.media.ffmpeg import find_ffmpeg

RATE = 16_000


def band_noise(count: int, low: float, high: float, rng: np.random.Generator) -> Float64Array:
    """Noise between two frequencies, of deviation 1."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    bins = np.fft.rfftfreq(count, 1 / RATE)
    spectrum[(bins < low) | (bins > high)] = 0
    wave = np.fft.irfft(spectrum, count)
    return np.asarray(wave / max(1e-12, wave.std()))


def speech(seconds: float, seed: int) -> Float64Array:
    """Syllables: bursts of voice and of hiss with formants that change, and pauses between phrases."""
    rng = np.random.default_rng(seed)
    out = np.zeros(round(seconds * RATE))
    place = 0
    while place < len(out):
        if rng.random() < 0.12:
            place += round(rng.uniform(0.2, 1.2) * RATE)
        count = round(rng.uniform(0.06, 0.3) * RATE)
        t = np.arange(count) / RATE
        if rng.random() < 0.7:
            pitch = rng.uniform(90, 240) * (1 + 0.1 * rng.standard_normal() * t / t[-1])
            phase = 2 * np.pi * np.cumsum(pitch) / RATE
            formants = rng.uniform([250, 900, 2200], [900, 2200, 3500])
            wave = np.zeros(count)
            for k in range(1, 30):
                gain = (1 / (1 + ((k * pitch[0] - formants) / 120) ** 2)).sum()
                wave += (gain + 0.02) / np.sqrt(k) * np.sin(k * phase + rng.uniform(0, 6))
        else:
            low = rng.uniform(1500, 4000)
            wave = band_noise(count, low, low + 3000, rng)
        wave *= rng.uniform(0.3, 1) * np.sin(np.pi * np.arange(count) / count) ** 0.5 / max(1e-9, wave.std())
        part = out[place : place + count]
        part += wave[: len(part)]
        place += count
    return 0.1 * out


def music(seconds: float, seed: int, beat: float = 0.5) -> Float64Array:
    """Notes on a grid of beats, with chords, a bass and drums; melodies come back, never quite the same."""
    rng = np.random.default_rng(seed)
    out = np.zeros(round(seconds * RATE))
    scale = 220 * 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12, 14, 16]) / 12)
    drum = band_noise(RATE // 8, 200, 7000, rng) * np.exp(-np.arange(RATE // 8) / 400)
    for k in range(int(seconds / beat)):
        begin = round(k * beat * RATE)
        for _ in range(rng.integers(1, 4)):
            count = round(beat * RATE * rng.choice([0.5, 1, 2]))
            t = np.arange(count) / RATE
            f = rng.choice(scale) * rng.choice([0.5, 1, 2])
            wave = sum(np.sin(2 * np.pi * f * h * t + rng.uniform(0, 6)) / h**1.2 for h in range(1, 7))
            wave = wave * np.exp(-t / rng.uniform(0.1, 0.6)) * rng.uniform(0.2, 1)
            part = out[begin : begin + count]
            part += wave[: len(part)]
        part = out[begin : begin + len(drum)]
        part += drum[: len(part)] * rng.uniform(0.2, 0.8)
    return 0.15 * out


def film(seconds: float, seed: int) -> Float64Array:
    """Speech over music over a murmur, in scenes of changing loudness."""
    rng = np.random.default_rng(seed)
    count = round(seconds * RATE)
    knots = np.linspace(0, count, max(2, int(seconds / 20)))
    loud = [np.interp(np.arange(count), knots, rng.uniform(0.1, 1, len(knots))) for _ in range(2)]
    mixed = loud[0] * speech(seconds, seed + 1) + loud[1] * music(seconds, seed + 2, rng.uniform(0.4, 0.7))
    return np.asarray(mixed + 0.003 * rng.standard_normal(count))


def as_sound(wave: Float64Array, start: float = 0.0, level: float = 0.1) -> MonoAudio:
    """The wave as a track of 16-bit samples with a given RMS, as a share of full scale."""
    scaled = wave * (level / max(1e-12, wave.std()))
    return MonoAudio(np.clip(np.rint(scaled * 32767), -32768, 32767).astype(np.int16), RATE, start)


def sampled_at(wave: Float64Array, places: Float64Array) -> Float64Array:
    """The wave between its samples, by a windowed sinc of 16 taps."""
    low = np.floor(places).astype(np.int64)
    out = np.zeros(len(places))
    for tap in range(-7, 9):
        x = places - (low + tap)
        weight = np.sinc(x) * np.cos(np.pi * np.clip(x / 17, -0.5, 0.5)) ** 2
        k = low + tap
        out += weight * np.where((k >= 0) & (k < len(wave)), wave[np.clip(k, 0, len(wave) - 1)], 0)
    return out


def microphone(
    wave: Float64Array, seed: int, rt60: float = 0.4, direct: float = 1.0, noise_db: float = 0.0
) -> Float64Array:
    """The wave as a microphone in a room hears it: a direct path, decaying noise behind it, and noise.

    Args:
        wave: (n,).
        seed: Which room and noise.
        rt60: Seconds in which the echo falls by 60 dB.
        direct: Energy of the direct path over that of the echo.
        noise_db: Loudness of sound over noise.
    """
    rng = np.random.default_rng(seed)
    t = np.arange(round(rt60 * RATE)) / RATE
    room = rng.standard_normal(len(t)) * 10 ** (-3 * t / rt60)
    room[: round(0.002 * RATE)] = 0
    room /= np.sqrt(np.square(room).sum())
    room[0] = np.sqrt(direct)
    size = 1 << int(np.ceil(np.log2(len(wave) + len(room))))
    heard = np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(room, size), size)[: len(wave)]
    noise = band_noise(len(wave), 60, 7500, rng)
    return np.asarray(heard / heard.std() + noise * 10 ** (-noise_db / 20))


def pitch_kept(wave: Float64Array, speed: float) -> MonoAudio:
    """The wave played faster by ffmpeg's atempo, which keeps the pitch."""
    raw = as_sound(wave).samples.tobytes()
    form = ["-f", "s16le", "-ar", str(RATE), "-ac", "1"]
    command = [str(find_ffmpeg()), "-v", "error", *form, "-i", "pipe:0", "-af", f"atempo={speed:.9f}", *form, "pipe:1"]
    done = subprocess.run(command, input=raw, capture_output=True, check=True)
    return MonoAudio(np.frombuffer(done.stdout, np.int16), RATE)
