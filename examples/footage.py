"""Writes small videos with known answers, on which every guide of the documentation can be tried.

    python examples/footage.py FOLDER

The film has 480 frames at 24 frames per second: eight camera moves over the photographs of scikit-image (extra `demo`),
with a disc that moves by itself. All files show the same film, and differ as versions of real films do:

    bluray.mkv    640x360, all frames, faded colors, grain, original audio
    dvd.mkv       480x270, 2 s later, 40 frames cut out, the right colors, soft, its own grain
    openmatte.mkv 320x240, the full 4:3 frame of which the Blu-ray shows the middle rows
    broadcast.mkv 640x360, from second 1 on, with a logo at the top right
    dub.mkv       480x270, 25 frames per second (PAL speed), without the scene of seconds 10 to 13, other audio
    dub.srt       subtitles on the time of dub.mkv
    restored.mkv  480x270, an excerpt: seconds 5 to 11 and a window of the frame, without grain

Frame n of the film is called moment n below.
"""

import sys
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

Image = NDArray[np.uint8]

MOMENTS, RATE, SAMPLES = 480, 24, 2000
"""Length in frames, frames per second, and samples of audio per frame (48 kHz)."""
FULL, TOP, HEIGHT = (640, 480), 60, 360
"""Size of the full 4:3 frame; first row and number of rows that the widescreen versions show."""
DVD = [*range(48, 200), *range(240, MOMENTS)]
BROADCAST = range(24, 456)
DUB = [*range(240), *range(312, MOMENTS)]
RESTORED = range(120, 264)
LOGO = (540, 20, 72, 40)
"""Left, top, width and height of the logo."""
WINDOW = (150, 80, 384, 216)
"""Left, top, width and height of the part of the widescreen frame that `restored.mkv` shows."""
LINES = (
    (24, 72, "This line is heard in the first second."),
    (180, 228, "The second line."),
    (340, 400, "After the cut."),
)
"""Subtitles: first and last moment, text."""
# photograph, center of the camera at the first and last frame and width of the view, as shares of the photograph
SHOTS = (
    ("coffee", (0.40, 0.50), (0.60, 0.52), 0.62), ("astronaut", (0.58, 0.60), (0.45, 0.30), 0.72),
    ("chelsea", (0.40, 0.46), (0.58, 0.45), 0.62), ("rocket", (0.45, 0.60), (0.54, 0.40), 0.55),
    ("astronaut", (0.40, 0.70), (0.62, 0.72), 0.60), ("coffee", (0.62, 0.55), (0.42, 0.42), 0.50),
    ("rocket", (0.55, 0.35), (0.45, 0.55), 0.70), ("chelsea", (0.60, 0.55), (0.40, 0.50), 0.50),
)  # fmt: skip
PHOTOGRAPHS = {name: getattr(data, name)() for name in {shot[0] for shot in SHOTS}}


def film(moment: int) -> Image:
    """Return the full 4:3 frame of a moment as (480, 640, 3) RGB, without grain."""
    length = MOMENTS // len(SHOTS)
    name, start, end, view = SHOTS[moment // length]
    photograph, share = PHOTOGRAPHS[name], moment % length / (length - 1)
    rows, columns = photograph.shape[:2]
    scale = view * columns / FULL[0]
    x, y = ((a + (b - a) * share) * side for a, b, side in zip(start, end, (columns, rows), strict=True))
    x, y = x + 1.2 * np.sin(0.61 * moment), y + 0.9 * np.sin(0.47 * moment + 2)
    matrix = np.array([[scale, 0, x - scale * FULL[0] / 2], [0, scale, y - scale * FULL[1] / 2]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    frame = cv2.warpAffine(photograph, matrix, FULL, flags=flags, borderMode=cv2.BORDER_REFLECT)
    center = 320 + 220 * np.sin(0.083 * moment), 240 + 90 * np.cos(0.117 * moment)
    color = ((200, 60, 60), (70, 170, 80), (60, 90, 200), (220, 200, 70))[moment // length % 4]
    cv2.circle(frame, (round(16 * center[0]), round(16 * center[1])), 16 * 34, color, -1, cv2.LINE_AA, 4)
    return np.asarray(frame, np.uint8)


def wide(moment: int) -> Image:
    """Return the widescreen frame of a moment, 640x360."""
    return film(moment)[TOP : TOP + HEIGHT]


def faded(frame: Image) -> Image:
    """Return a frame with the grade of the Blu-ray: less contrast, less saturation, a cold cast."""
    matrix = np.array([[0.62, 0.12, 0.04], [0.06, 0.72, 0.06], [0.05, 0.12, 0.74]])
    return _bytes(frame @ matrix.T + np.array([20, 24, 34]))


def grainy(frame: Image, strength: float, seed: tuple[int, int]) -> Image:
    """Return a frame with grain of a standard deviation in code values."""
    noise = np.random.default_rng(seed).standard_normal(frame.shape[:2]) * strength
    return _bytes(frame + noise[..., None])


def resized(frame: Image, width: int, height: int) -> Image:
    """Return a frame at another size."""
    return np.asarray(cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def bluray(moment: int) -> Image:
    """Return a frame of `bluray.mkv`."""
    return grainy(faded(wide(moment)), 4, (1, moment))


def dvd(moment: int) -> Image:
    """Return a frame of `dvd.mkv`."""
    return grainy(_bytes(cv2.GaussianBlur(resized(wide(moment), 480, 270), (0, 0), 0.8)), 4, (2, moment))


def openmatte(moment: int) -> Image:
    """Return a frame of `openmatte.mkv`."""
    return resized(faded(film(moment)), 320, 240)


def broadcast(moment: int) -> Image:
    """Return a frame of `broadcast.mkv`."""
    frame, (x, y, width, height) = faded(wide(moment)), LOGO
    frame[y : y + height, x : x + width] = 235
    return grainy(frame, 3, (3, moment))


def dub(moment: int) -> Image:
    """Return a frame of `dub.mkv`."""
    return grainy(resized(wide(moment), 480, 270), 3, (4, moment))


def restored(moment: int) -> Image:
    """Return a frame of `restored.mkv`."""
    x, y, width, height = WINDOW
    window = faded(wide(moment))[y : y + height, x : x + width]
    return np.asarray(cv2.resize(window, (480, 270), interpolation=cv2.INTER_CUBIC), np.uint8)


def audio(seed: int, moments: Iterable[int]) -> NDArray[np.float32]:
    """Return 2000 samples for each moment: noise between 200 Hz and 4 kHz with the loudness of speech."""
    count = MOMENTS * SAMPLES
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.standard_normal(count))
    hertz = np.fft.rfftfreq(count, 1 / (RATE * SAMPLES))
    wave = np.fft.irfft(spectrum * ((hertz > 200) & (hertz < 4000)), count)
    loudness = np.interp(np.arange(count), np.arange(0, count, 6000), rng.uniform(0, 1, count // 6000) ** 2)
    wave = 0.3 * wave / wave.std() * loudness
    return np.concatenate([wave[m * SAMPLES : (m + 1) * SAMPLES] for m in moments]).astype(np.float32).clip(-1, 1)


def write(path: Path, paint: Callable[[int], Image], moments: Iterable[int], rate: int = RATE, seed: int = 0) -> None:
    """Encode moments as H.264 in Matroska; with a seed also audio, which keeps to the frames at any rate."""
    shown = list(moments)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=rate, options={"crf": "14", "preset": "veryfast", "bf": "0"})
        stream.height, stream.width = paint(shown[0]).shape[:2]
        stream.pix_fmt = "yuv420p"
        for name in ("color_primaries", "color_trc", "colorspace"):
            setattr(stream.codec_context, name, 1)  # BT.709
        track: Any = container.add_stream("flac", rate=48000, layout="mono") if seed else None
        if seed:
            wave = audio(seed, shown)
            places = np.arange(wave.size * RATE // rate) * rate / RATE
            samples = np.interp(places, np.arange(wave.size), wave)
            for packet in _encoded(track, np.rint(samples * 32767).astype(np.int16)):
                container.mux(packet)
        for moment in shown:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(paint(moment)), format="rgb24")
            container.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace="ITU709")))
        container.mux(stream.encode(None))


def _encoded(track: Any, samples: NDArray[np.int16]) -> list[Any]:
    resampler = av.AudioResampler(format=track.codec_context.format, layout="mono", rate=48000, frame_size=4608)
    frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
    parts = [*resampler.resample(frame), *resampler.resample(None)]
    return [packet for part in parts for packet in track.encode(part)] + list(track.encode(None))


def subtitles(moments: list[int], rate: int) -> str:
    """Return the lines as SubRip on the time of a version."""

    def clock(moment: int) -> str:
        milliseconds = round(1000 * moments.index(moment) / rate)
        seconds, rest = divmod(milliseconds, 1000)
        return f"00:{seconds // 60:02}:{seconds % 60:02},{rest:03}"

    cues = (f"{n}\n{clock(a)} --> {clock(b)}\n{text}\n" for n, (a, b, text) in enumerate(LINES, 1))
    return "\n".join(cues)


FILES: dict[str, Callable[[Path], object]] = {
    "bluray.mkv": lambda path: write(path, bluray, range(MOMENTS), seed=1),
    "dvd.mkv": lambda path: write(path, dvd, DVD),
    "openmatte.mkv": lambda path: write(path, openmatte, range(MOMENTS)),
    "broadcast.mkv": lambda path: write(path, broadcast, BROADCAST),
    "dub.mkv": lambda path: write(path, dub, DUB, rate=25, seed=2),
    "dub.srt": lambda path: path.write_text(subtitles(DUB, 25), encoding="utf-8"),
    "restored.mkv": lambda path: write(path, restored, RESTORED),
}
"""How each file is written."""


def write_all(folder: Path, names: Iterable[str] = tuple(FILES)) -> None:
    """Write files into a folder, all by default; one that is there already stays."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        if not (folder / name).is_file():
            FILES[name](folder / name)


def _bytes(values: Any) -> Image:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    write_all(Path(sys.argv[1]))
