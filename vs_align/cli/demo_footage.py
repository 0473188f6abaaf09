"""Synthetic footage with ground truth: two versions of a scene, rendered as camera moves over photographs.

A moment is a frame number of the reference: ref frame n shows moment n. Frame i of the other version shows moment
`order[i]`; moments are missing, repeated, or before and after the reference.
"""

import subprocess
import wave
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from vs_align.errors import ArgumentError, MediaError, MissingDependencyError
from vs_align.io.array_types import Float32Array, Int16Array, UInt8Array
from vs_align.io.atomic_files import replace, temporary_paths
from vs_align.io.install_advice import DEMO, install_command
from vs_align.media.ffmpeg import file_url, find_ffmpeg
from vs_align.media.subprocesses import ChildProcesses

View = tuple[float, float, float]
"""Center x and y and width of the view, as fractions of the photograph's size."""

RATE = Fraction(24)
REF_SIZE = (640, 360)
CLIP_SIZE = (960, 540)
SAMPLE_RATE = 48000
FARTHEST = 12
"""Largest offset between clip and ref in frames; below the default search radius of 20."""
_SAMPLES = int(SAMPLE_RATE / RATE)
"""Audio samples per frame: a whole number, so that audio is cut exactly between two frames."""
_GRAIN = 3.0
"""Standard deviation of the grain in 8-bit code values."""
_EDIT = 9
"""Frames that the other version lacks at the end of the second shot."""
_PRE_ROLL = 7
"""Frames of the other version before the reference."""
_POST_ROLL = 4
"""Frames of the other version after the reference."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A camera move over a photograph at constant speed, with hand shake."""

    photograph: str
    start: View
    end: View
    tone: float
    """Frequency of the tone in hertz."""


SHOTS = (
    Shot("coffee.png", (0.38, 0.50, 0.72), (0.62, 0.50, 0.60), 220.00),
    Shot("rocket.jpg", (0.46, 0.66, 0.60), (0.54, 0.36, 0.50), 261.63),
    Shot("chelsea.png", (0.42, 0.46, 0.58), (0.57, 0.44, 0.70), 329.63),
    Shot("astronaut.png", (0.58, 0.60, 0.72), (0.43, 0.24, 0.60), 196.00),
)


@dataclass(frozen=True)
class DemoFootage:
    """Both versions of the scene. Pictures are made when they are asked for, each the same every time.

    Args:
        frames: Length of the reference in frames.
        order: The moment that each frame of the other version shows, never decreasing.
        seed: Where the grain of the other version starts.
    """

    frames: int
    order: tuple[int, ...]
    seed: int

    @cached_property
    def cuts(self) -> tuple[int, ...]:
        """The first moment of each shot; the first is 0."""
        return tuple(self.frames * i // len(SHOTS) for i in range(len(SHOTS)))

    def shot_at(self, moment: int) -> int:
        """Number of the shot, also for moments before the first and after the last frame of the reference."""
        return max(sum(moment >= cut for cut in self.cuts) - 1, 0)

    def picture(self, moment: int, size: tuple[int, int] = REF_SIZE) -> UInt8Array:
        """Return the BGR image of a moment, (height, width, 3) uint8, without grade or grain.

        Args:
            moment: Any whole number.
            size: Width and height in pixels.
        """
        number = self.shot_at(moment)
        photograph = self._photographs[number]
        shot, first = SHOTS[number], self.cuts[number]
        last = self.cuts[number + 1] if number + 1 < len(SHOTS) else self.frames
        part = (moment - first) / max(last - first - 1, 1)
        x, y, view = (a + (b - a) * part for a, b in zip(shot.start, shot.end, strict=True))
        height, width = photograph.shape[:2]
        scale = view * width / size[0]
        # hand shake: two slow sine waves per axis with incommensurate periods
        x = x * width + 1.2 * np.sin(0.61 * moment) + 0.7 * np.sin(0.23 * moment + 1)
        y = y * height + 0.9 * np.sin(0.47 * moment + 2) + 0.6 * np.sin(0.31 * moment)
        angle = 0.006 * np.sin(0.17 * moment)
        cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
        middle_x, middle_y = (size[0] - 1) / 2, (size[1] - 1) / 2
        from_view = np.array([
            [cosine, -sine, x - cosine * middle_x + sine * middle_y],
            [sine, cosine, y - sine * middle_x - cosine * middle_y],
        ])  # fmt: skip
        return _pixels(
            cv2.warpAffine(
                photograph, from_view, size, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT
            )
        )

    def clip_picture(self, index: int) -> UInt8Array:
        """Return frame `index` of the other version: larger, blurred, warmer, of lower contrast, with grain."""
        soft = cv2.GaussianBlur(self.picture(self.order[index], CLIP_SIZE), (0, 0), 0.9)
        graded = cv2.transform(soft, _GRADE)
        rng = np.random.default_rng((self.seed, index))
        width, height = CLIP_SIZE
        x, y = rng.integers(0, _GRAIN_MARGIN, 2)
        grain = self._grain[y : y + height, x : x + width]
        return _pixels(cv2.add(graded, cv2.merge([grain] * 3), dtype=cv2.CV_8U))

    def ref_sound(self) -> Int16Array:
        """Return the audio of the reference: a tone per shot, and a click at each cut."""
        return _sound([self.shot_at(n) for n in range(self.frames)], pitch=1.0)

    def clip_sound(self) -> Int16Array:
        """Return the audio of the other version: an octave lower, with clicks at its own cuts."""
        return _sound([self.shot_at(moment) for moment in self.order], pitch=0.5)

    @cached_property
    def _photographs(self) -> tuple[UInt8Array, ...]:
        return tuple(_photograph(shot.photograph) for shot in SHOTS)

    @cached_property
    def _grain(self) -> Int16Array:
        """Grain from which each frame takes a random crop; new grain for each frame would take most of the time."""
        width, height = CLIP_SIZE
        rng = np.random.default_rng(self.seed)
        white = rng.standard_normal((height + _GRAIN_MARGIN, width + _GRAIN_MARGIN), np.float32)
        grain = cv2.GaussianBlur(white, (0, 0), 0.7)
        return np.rint(grain * (_GRAIN / grain.std())).astype(np.int16)


_GRAIN_MARGIN = 256
"""Pixels by which the grain is larger than a frame: range of the random crops."""
_GRADE = np.array([
    [0.62, 0.12, 0.04, 4.0],
    [0.02, 0.90, 0.05, 3.0],
    [0.00, 0.10, 0.92, 3.0],
])  # fmt: skip
"""Color matrix from (B, G, R, 1) to (B, G, R): warmer, with less contrast and saturation."""


def film(frames: int = 240, seed: int = 1) -> DemoFootage:
    """Return the footage of both versions.

    Args:
        frames: Length of the reference in frames, at least 16.
        seed: Seed of the random numbers; equal seeds give equal footage.

    Raises:
        ArgumentError: `frames` is below 16.
        MissingDependencyError: The photographs are not installed.
    """
    if frames < 16:
        raise ArgumentError("demo", "frames", "must be at least 16", frames)
    for shot in SHOTS:
        _photograph_path(shot.photograph)
    return DemoFootage(frames, clip_order(frames, seed), seed)


def clip_order(frames: int, seed: int) -> tuple[int, ...]:
    """Draw the moments of the other version at random.

    It starts before the reference and ends after it. On its way it loses up to three frames at a time, shows a frame
    up to three times more, and the end of its second shot is cut shorter. A moment stands at most `FARTHEST` frames
    from its place.
    """
    rng = np.random.default_rng(seed)
    shot_length = frames // len(SHOTS)
    cut = frames * 2 // len(SHOTS)
    edit = cut - min(_EDIT, shot_length // 4)
    order: list[int] = []
    moment = -_PRE_ROLL
    while moment < frames + _POST_ROLL:
        order.append(moment)
        moment += 1
        drift = len(order) - moment
        if moment == edit and drift - (cut - edit) >= -FARTHEST:
            moment = cut
            continue
        chance, count = rng.random(), int(rng.integers(1, 4))
        if moment <= 0 or moment >= frames:
            continue
        if chance < 0.05 and drift - count >= -FARTHEST and not moment <= edit < moment + count:
            moment += count
        elif chance > 0.95 and drift + count <= FARTHEST:
            order.extend([moment - 1] * count)
    return tuple(order)


def write_ref(footage: DemoFootage, path: Path, on_frame: Callable[[int], None] | None = None) -> None:
    """Encode the reference with its audio.

    Args:
        footage: What to encode.
        path: The Matroska file to write, atomically.
        on_frame: Called with the number of frames encoded.

    Raises:
        MediaError: ffmpeg failed, or the file cannot be written.
        MissingDependencyError: There is no ffmpeg.
    """
    pictures = (footage.picture(n) for n in range(footage.frames))
    _write(path, pictures, REF_SIZE, footage.ref_sound(), on_frame)


def write_clip(footage: DemoFootage, path: Path, on_frame: Callable[[int], None] | None = None) -> None:
    """Encode the other version with its audio; arguments and errors as for `write_ref`."""
    pictures = (footage.clip_picture(i) for i in range(len(footage.order)))
    _write(path, pictures, CLIP_SIZE, footage.clip_sound(), on_frame)


def right_frames(footage: DemoFootage, frame_map: Sequence[int | None]) -> list[bool]:
    """Return for each ref frame whether its clip frame is right.

    Right is a frame of the same moment; if the other version lacks the moment, of the nearest one of the same shot that
    it has. A moment whose image without grain differs from that by at most 0.5 code values on average counts too.

    Args:
        footage: The footage with its ground truth.
        frame_map: The clip frame of each ref frame; None without a match.
    """
    return [
        found is not None and _is_right(footage, footage.order[found], _true_moments(footage, n))
        for n, found in enumerate(frame_map)
    ]


def _true_moments(footage: DemoFootage, n: int) -> list[int]:
    """Return the moment itself, or the nearest ones of its shot that the other version has."""
    left = set(footage.order)
    if n in left:
        return [n]
    same_shot = [m for m in left if footage.shot_at(m) == footage.shot_at(n)] or list(left)
    nearest = min(abs(m - n) for m in same_shot)
    return [m for m in same_shot if abs(m - n) == nearest]


def _is_right(footage: DemoFootage, shown: int, true: list[int]) -> bool:
    if shown in true:
        return True
    picture = _luma(footage.picture(shown))
    return any(float(np.abs(picture - _luma(footage.picture(m))).mean()) <= 0.5 for m in true)


def _luma(picture: UInt8Array) -> Float32Array:
    return np.asarray(picture @ np.array([0.0722, 0.7152, 0.2126], np.float32), np.float32)


def _sound(shots: list[int], pitch: float) -> Int16Array:
    """Return tones and clicks for the shots of all frames."""
    starts = [i for i, shot in enumerate(shots) if i > 0 and shot != shots[i - 1]]
    tones = np.repeat([SHOTS[shot].tone * pitch for shot in shots], _SAMPLES)
    # continuous phase, so that only the clicks mark the cuts
    phase = np.fromiter(accumulate(tones / SAMPLE_RATE), np.float64, tones.size) * 2 * np.pi
    seconds = np.arange(tones.size) / SAMPLE_RATE
    swell = 0.75 + 0.25 * np.sin(2 * np.pi * 0.4 * seconds)
    sound = 0.08 * swell * (np.sin(phase) + 0.5 * np.sin(1.5 * phase) + 0.25 * np.sin(2 * phase))
    fade = np.linspace(0, 1, SAMPLE_RATE // 20)
    sound[: fade.size] *= fade
    sound[-fade.size :] *= fade[::-1]
    ring = np.arange(SAMPLE_RATE // 50)
    click = 0.6 * np.exp(-ring / 120) * np.sin(2 * np.pi * 1800 * ring / SAMPLE_RATE)
    for start in starts:
        place = sound[start * _SAMPLES :][: click.size]
        place += click[: place.size]
    return np.rint(np.clip(sound, -1, 1) * 32767).astype(np.int16)


def _write(
    path: Path,
    pictures: Iterable[UInt8Array],
    size: tuple[int, int],
    sound: Int16Array,
    on_frame: Callable[[int], None] | None,
) -> None:
    with (
        TemporaryDirectory(prefix="vs_align-") as name,
        ChildProcesses(Path(name)) as children,
        temporary_paths(path) as (part,),
    ):
        sound_path = Path(name) / "sound.wav"
        with wave.open(str(sound_path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE)
            file.writeframes(sound.astype("<i2").tobytes())
        ffmpeg = children.start(_ffmpeg_command(size, sound_path, part), stdin=subprocess.PIPE)
        if ffmpeg.stdin is None:
            raise MediaError(f"{path} cannot be written: ffmpeg takes no frames.")
        try:
            for done, picture in enumerate(pictures, 1):
                ffmpeg.stdin.write(picture.tobytes())
                if on_frame is not None:
                    on_frame(done)
            ffmpeg.stdin.close()
        except BrokenPipeError:
            # ffmpeg has failed; its stderr is reported below
            pass
        if ffmpeg.wait() != 0:
            raise MediaError(f"{path} cannot be written: {children.stderr_tail(ffmpeg)}")
        replace(part, path)


def _ffmpeg_command(size: tuple[int, int], sound: Path, target: Path) -> list[str]:
    # a fixed number of threads and bit-exact muxing make the file reproducible with the same ffmpeg
    return [
        str(find_ffmpeg()), "-hide_banner", "-nostats", "-loglevel", "warning", "-y",
        "-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{size[0]}x{size[1]}", "-r", str(RATE), "-i", "pipe:0",
        "-i", file_url(sound),
        "-vf", "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p",
        "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv",
        "-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-threads", "4",
        "-c:a", "aac", "-b:a", "96k", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact",
        file_url(target),
    ]  # fmt: skip


def _photograph(name: str) -> UInt8Array:
    path = _photograph_path(name)
    picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise MissingDependencyError(
            f"vs_align.demo: {path} cannot be read. Run: {install_command(*DEMO, reinstall=True)}"
        )
    return _pixels(picture)


def _photograph_path(name: str) -> Path:
    """Return the path of a photograph in scikit-image, without importing it, because its loader may download."""
    spec = find_spec("skimage")
    for folder in spec.submodule_search_locations or [] if spec else []:
        path = Path(folder) / "data" / name
        if path.is_file():
            return path
    what = f"scikit-image lacks the photograph {name}" if spec else "the photographs of scikit-image are not installed"
    raise MissingDependencyError(f"vs_align.demo: {what}. Run: {install_command(*DEMO, reinstall=True)}")


def _pixels(picture: object) -> UInt8Array:
    return np.asarray(picture, np.uint8)
