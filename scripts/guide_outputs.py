"""Runs every guide of the documentation on `examples/footage.py` and writes what it prints and how good the result is.

It also draws figures. The pages in `docs/guides` include what this writes, so that no number is typed by
hand:

    uv run --group test --extra export python scripts/guide_outputs.py [FOLDER] [GUIDE...]

Results are measured against the frames and the audio that the footage was made from. PSNR is that of luma in decibels.
"""

import math
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import av
import cv2
import numpy as np

from vs_align.io.array_types import Float32Array, Float64Array, UInt8Array
from vs_align.media.vspipe import ensure_config, find_vspipe, vspipe_environment

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES, OUTPUTS = ROOT / "examples", ROOT / "docs" / "guides" / "outputs"
sys.path.insert(0, str(EXAMPLES))
try:
    import footage
finally:
    sys.path.remove(str(EXAMPLES))

Planes = tuple[UInt8Array, ...]


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of the commands: `vs-align` and Python of this installation, and a cache of its own."""
    scripts = os.pathsep.join((sysconfig.get_path("scripts"), os.environ.get("PATH", "")))
    return vspipe_environment() | {"PATH": scripts, "XDG_CACHE_HOME": str(folder / "cache"), "COLUMNS": "120"}


def run(folder: Path, *command: str) -> str:
    """Run a command in the folder of the footage and return what it prints to stdout."""
    done = subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout.rstrip()


def script(folder: Path, name: str, only: int | None = None, **inputs: str) -> list[Planes]:
    """Run a VapourSynth script of `examples/` and return the planes of its frames, or of one by its number."""
    ensure_config()
    target = folder / f"{name}.{os.getpid()}.y4m"
    # whole paths: the parent of vspipe, whose folder relative names are resolved against, is this script
    paths = {key: folder / value if (folder / value).is_file() else value for key, value in inputs.items()}
    given = [part for key, value in paths.items() for part in ("-a", f"{key}={value}")]
    frames = () if only is None else ("-s", str(only), "-e", str(only))
    run(folder, str(find_vspipe()), *given, *frames, "-c", "y4m", str(EXAMPLES / name), str(target))
    shown = planes(target)
    target.unlink()
    return shown


def planes(path: Path) -> list[Planes]:
    """Return the planes of each frame of a video of YUV 4:2:0 in 8 bits."""
    with av.open(str(path)) as container:
        return [_split(frame.to_ndarray(format="yuv420p")) for frame in container.decode(video=0)]


def yuv(frame: UInt8Array) -> Planes:
    """Return the planes of an RGB image as a video file holds them: BT.709, limited range."""
    rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
    return _split(rgb.reformat(format="yuv420p", dst_colorspace="ITU709").to_ndarray())


def _split(stacked: Any) -> Planes:
    height, width = stacked.shape[0] * 2 // 3, stacked.shape[1]
    chroma = stacked[height:].reshape(2, height // 2, width // 2)
    return stacked[:height], chroma[0], chroma[1]


def psnr(shown: Iterable[UInt8Array], truth: Iterable[UInt8Array]) -> float:
    """Return the PSNR over all frames in decibels."""
    errors = [np.mean((np.asarray(a, float) - b) ** 2) for a, b in zip(shown, truth, strict=True)]
    return float(10 * np.log10(255**2 / max(float(np.mean(errors)), 1e-9)))


def row(label: str, value: object) -> str:
    """Return a line of an output: what was measured, and its value."""
    return f"{label:<48}{value}"


def combine(folder: Path) -> str:
    """Average of two transfers, against the film before grain was added."""
    shown = [frame[0] for frame in script(folder, "combine_dvd_bluray.vpy", dvd="dvd.mkv", bluray="bluray.mkv")]
    given = [frame[0] for frame in planes(folder / "bluray.mkv")]
    truth = [yuv(footage.faded(footage.wide(m)))[0] for m in range(footage.MOMENTS)]
    lines = [row("frames", len(shown))]
    lacking = [m for m in range(footage.MOMENTS) if m not in set(footage.DVD)]
    for moments, which in ((footage.DVD, "both have"), (lacking, "the DVD lacks")):
        for frames, version in ((given, "Blu-ray alone"), (shown, "combined")):
            decibels = psnr([frames[m] for m in moments], [truth[m] for m in moments])
            lines.append(row(f"{len(moments)} frames that {which}, {version}", f"{decibels:.1f} dB"))
    return "\n".join(lines)


def logo(folder: Path) -> str:
    """The logo is gone, and nothing else has changed."""
    x, y, width, height = footage.LOGO
    at = f"{x - 4},{y - 4},{width + 8},{height + 8}"
    shown = [frame[0] for frame in script(folder, "patch_logo.vpy", logo="broadcast.mkv", clean="bluray.mkv", at=at)]
    given = [frame[0] for frame in planes(folder / "broadcast.mkv")]
    truth = [yuv(footage.faded(footage.wide(m)))[0] for m in footage.BROADCAST]
    area = np.s_[y : y + height, x : x + width]
    outside = np.ones(given[0].shape, bool)
    outside[y - 12 : y + height + 12, x - 12 : x + width + 12] = False
    changed = max(int(np.abs(a[outside].astype(int) - b[outside]).max()) for a, b in zip(shown, given, strict=True))
    before, after = (psnr([f[area] for f in frames], [f[area] for f in truth]) for frames in (given, shown))
    return "\n".join((
        row("frames", f"{len(shown)}"),
        row("under the logo, before", f"{before:.1f} dB"),
        row("under the logo, after", f"{after:.1f} dB"),
        row("largest change of a pixel elsewhere", f"{changed} of 255"),
    ))  # fmt: skip


def color(folder: Path) -> str:
    """Chroma of the DVD, fine detail of the Blu-ray."""
    name = "colour_from_one_detail_from_other.vpy"
    shown = script(folder, name, colour="dvd.mkv", detail="bluray.mkv")
    bluray, dvd = planes(folder / "bluray.mkv"), planes(folder / "dvd.mkv")
    truth = [yuv(footage.wide(m)) for m in range(footage.MOMENTS)]
    size = bluray[0][0].shape[::-1]
    enlarged = [cv2.resize(frame[0], size, interpolation=cv2.INTER_CUBIC) for frame in dvd]

    def chroma(frames: Sequence[Planes]) -> float:
        picked = [(frames[m], truth[m]) for m in footage.DVD]
        return float(np.mean([np.abs(a[p].astype(float) - b[p]).mean() for a, b in picked for p in (1, 2)]))

    def detail(lumas: Sequence[Any]) -> float:
        pairs = [(_fine(luma), _fine(truth[m][0])) for luma, m in zip(lumas, footage.DVD, strict=True)]
        return float(np.mean([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs]))

    sharp = {n: [frames[m][0] for m in footage.DVD] for n, frames in (("result", shown), ("Blu-ray", bluray))}
    return "\n".join((
        row("frames", f"{len(shown)}"),
        row("error of chroma, Blu-ray", f"{chroma(bluray):.1f} code values"),
        row("error of chroma, result", f"{chroma(shown):.1f} code values"),
        row("correlation of fine detail, DVD", f"{detail(enlarged):.3f}"),
        row("correlation of fine detail, Blu-ray", f"{detail(sharp['Blu-ray']):.3f}"),
        row("correlation of fine detail, result", f"{detail(sharp['result']):.3f}"),
    ))  # fmt: skip


def _fine(luma: UInt8Array) -> Float64Array:
    whole = luma.astype(np.float64)
    return np.asarray(whole - cv2.GaussianBlur(whole, (0, 0), 2), np.float64)


def matte(folder: Path) -> str:
    """The widescreen master in the middle, the disc's bands above and below."""
    shown = [frame[0] for frame in script(folder, "open_matte.vpy", dvd="openmatte.mkv", master="bluray.mkv")]
    given = [frame[0] for frame in planes(folder / "bluray.mkv")]
    truth = [yuv(footage.faded(footage.film(m)))[0] for m in range(footage.MOMENTS)]
    first, last, seam = footage.TOP, footage.TOP + footage.HEIGHT, 16
    changed = max(
        int(np.abs(a[first + seam : last - seam].astype(int) - b[seam:-seam]).max())
        for a, b in zip(shown, given, strict=True)
    )
    found, meant = ([np.concatenate([f[: first - 2], f[last + 2 :]]) for f in frames] for frames in (shown, truth))
    return "\n".join((
        row("frames", f"{len(shown)} of {shown[0].shape[1]}x{shown[0].shape[0]}"),
        row("largest change of the master's pixels", f"{changed} of 255"),
        row("bands against the true frame", f"{psnr(found, meant):.1f} dB"),
    ))  # fmt: skip


def dub(folder: Path) -> str:
    """Delay of the dub against the film, measured by cross-correlation in windows of two seconds."""
    text = run(folder, "bash", str(EXAMPLES / "dub_on_another_cut.sh"), "dub.mkv", "bluray.mkv", "dubbed.mkv")
    heard, truth = _samples(folder / "dubbed.mkv"), footage.audio(2, range(footage.MOMENTS))
    lines = [text, ""]
    for second in (1, 4, 7, 14, 17):
        window = np.s_[second * 48000 : (second + 2) * 48000]
        spectrum = np.fft.rfft(heard[window], 2**18) * np.conj(np.fft.rfft(truth[window], 2**18))
        peak = int(np.argmax(np.fft.irfft(spectrum)))
        late = (peak if peak < 2**17 else peak - 2**18) / 48
        lines.append(row(f"delay of the dub at second {second}", f"{late:+.2f} ms"))
    loudest = float(np.abs(heard[10 * 48000 + 2400 : 13 * 48000 - 2400]).max())
    lines.append(row("loudest sample in seconds 10 to 13", f"{loudest:.3f}"))
    return "\n".join(lines)


def _samples(path: Path) -> Float64Array:
    with av.open(str(path)) as container:
        parts = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    joined: Any = np.concatenate(parts)
    return np.asarray(joined / (np.iinfo(joined.dtype).max if joined.dtype.kind == "i" else 1), np.float64)


def subtitles(folder: Path) -> str:
    """Times of the cues, which are known to the frame."""
    run(folder, "bash", str(EXAMPLES / "sync_subtitles.sh"), "dub.mkv", "dub.srt", "bluray.mkv", "bluray.srt")
    found = (folder / "bluray.srt").read_text(encoding="utf-8").rstrip()
    truth = footage.subtitles(list(range(footage.MOMENTS)), footage.RATE).rstrip()
    return f"{found}\n\nequal to the true times: {'yes' if found == truth else 'no'}"


def excerpt(folder: Path) -> str:
    """The excerpt on the whole film."""
    text = run(folder, "bash", str(EXAMPLES / "restored_excerpt.sh"), "bluray.mkv", "restored.mkv", "patched.mkv")
    shown, given = planes(folder / "patched.mkv"), planes(folder / "bluray.mkv")
    x, y, width, height = footage.WINDOW
    inside = np.s_[y + 8 : y + height - 8, x + 8 : x + width - 8]
    moments = footage.RESTORED
    truth = [yuv(footage.faded(footage.wide(m)))[0][inside] for m in moments]
    return "\n".join((
        text,
        "",
        row("frames", f"{len(shown)}"),
        row("inside the excerpt, before", f"{psnr([given[m][0][inside] for m in moments], truth):.1f} dB"),
        row("inside the excerpt, after", f"{psnr([shown[m][0][inside] for m in moments], truth):.1f} dB"),
    ))  # fmt: skip


def pairs(folder: Path) -> str:
    """The pairs, and how far the good frames are from the film at the degraded ones' grid."""
    text = run(folder, sys.executable, str(EXAMPLES / "paired_dataset.py"), "dvd.mkv", "bluray.mkv", "pairs")
    written = sorted((folder / "pairs" / "hr").glob("*.png"))
    shown = [_inner(cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)) for path in written]
    moments = [footage.DVD[int(path.stem)] for path in written]
    truth = [cv2.resize(footage.faded(footage.wide(m)), (960, 540), interpolation=cv2.INTER_CUBIC) for m in moments]
    meant = [_inner(frame) for frame in truth]
    off = [math.hypot(*cv2.phaseCorrelate(a, b)[0]) for a, b in zip(shown, meant, strict=True)]
    table = (folder / "pairs" / "pairs.csv").read_text(encoding="utf-8").splitlines()
    return "\n".join((
        text,
        "",
        *table[:4],
        "...",
        "",
        row("displacement left in the pairs", f"median {np.median(off):.3f} px, worst {max(off):.3f} px"),
    ))  # fmt: skip


def figures(folder: Path) -> None:
    """Draw one frame of the inputs and of the results of the guides whose results are to be looked at."""
    x, y, width, height = footage.LOGO
    moment, first = 300, footage.BROADCAST[0]
    at = f"{x - 4},{y - 4},{width + 8},{height + 8}"
    bluray, dvd = (planes(folder / name) for name in ("bluray.mkv", "dvd.mkv"))
    disc, recording = (planes(folder / name) for name in ("openmatte.mkv", "broadcast.mkv"))
    mixed = {"colour": "dvd.mkv", "detail": "bluray.mkv"}
    _draw("color-from-one-detail-from-the-other", (
        bluray[moment],
        dvd[footage.DVD.index(moment)],
        script(folder, "colour_from_one_detail_from_other.vpy", moment, **mixed)[0],
    ))  # fmt: skip
    _draw("cover-a-logo", (
        recording[moment - first],
        script(folder, "patch_logo.vpy", moment - first, logo="broadcast.mkv", clean="bluray.mkv", at=at)[0],
    ))  # fmt: skip
    _draw("open-matte", (
        disc[moment],
        bluray[moment],
        script(folder, "open_matte.vpy", moment, dvd="openmatte.mkv", master="bluray.mkv")[0],
    ))  # fmt: skip


def _draw(name: str, frames: Sequence[Planes]) -> None:
    """Write frames side by side, 320 pixels wide each, as docs/guides/outputs/NAME.png."""
    panels = []
    for frame in frames:
        stacked = np.concatenate([frame[0], np.concatenate(frame[1:]).reshape(-1, frame[0].shape[1])])
        source = av.VideoFrame.from_ndarray(stacked, format="yuv420p")
        image = source.reformat(format="bgr24", src_colorspace="ITU709").to_ndarray()
        size = (320, 320 * image.shape[0] // image.shape[1])
        panels.append(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    tallest = max(panel.shape[0] for panel in panels)
    sides = [
        cv2.copyMakeBorder(p, 0, tallest - p.shape[0], 0, 8, cv2.BORDER_CONSTANT, value=(255,) * 3) for p in panels
    ]
    cv2.imwrite(str(OUTPUTS / f"{name}.png"), np.hstack(sides))


def plot(folder: Path) -> None:
    """Draw docs/sync.png: offsets and scores of the DVD against the Blu-ray."""
    target = ROOT / "docs" / "sync.png"
    run(folder, "vs-align", "sync", "dvd.mkv", "bluray.mkv", "--plot", str(target), "--overwrite")


def _inner(frame: Any) -> Float32Array:
    """Return luma of an RGB image without a border of 8 pixels, which a warp may not reach."""
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)[8:-8, 8:-8], np.float32)


GUIDES: dict[str, Callable[[Path], str]] = {
    "combine-dvd-and-bluray": combine,
    "cover-a-logo": logo,
    "color-from-one-detail-from-the-other": color,
    "dub-on-another-cut": dub,
    "open-matte": matte,
    "paired-data-set": pairs,
    "sync-subtitles": subtitles,
    "restored-excerpt": excerpt,
}


def main(arguments: Sequence[str]) -> None:
    """Write the footage if the folder has none, run the guides and write their outputs."""
    folder = Path(arguments[0] if arguments else mkdtemp(prefix="vs_align-guides-")).resolve()
    footage.write_all(folder)
    OUTPUTS.mkdir(exist_ok=True)
    for name in arguments[1:] or GUIDES:
        text = GUIDES[name](folder)
        (OUTPUTS / f"{name}.txt").write_text(text + "\n", encoding="utf-8")
        print(f"== {name}\n{text}\n", flush=True)
    if not arguments[1:]:
        plot(folder)
        figures(folder)


if __name__ == "__main__":
    main(sys.argv[1:])
