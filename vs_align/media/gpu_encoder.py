"""Hardware encoders (NVENC, QSV, AMF, VideoToolbox): the equivalent of a software encoder, and whether it runs."""

from dataclasses import dataclass

from vs_align.errors import MediaError, MissingDependencyError
from vs_align.media.ffmpeg import Encoder, find_encoder, find_ffmpeg
from vs_align.media.subprocesses import run_program

_TIMEOUT = 30
"""Seconds for five test frames; the first use of a driver takes some seconds."""
# Codec of each software encoder; names of hardware encoders begin with it.
_CODECS = {
    "libx264": "h264", "libopenh264": "h264", "libx265": "hevc", "libkvazaar": "hevc",
    "libsvtav1": "av1", "libaom-av1": "av1", "librav1e": "av1",
}  # fmt: skip
_VENDOR_APIS = ("nvenc", "qsv", "amf", "videotoolbox")
# x264 has ten presets, NVENC seven (p1 fastest to p7 slowest)
_NVENC_PRESETS = {
    "ultrafast": "p1", "superfast": "p1", "veryfast": "p2", "faster": "p3", "fast": "p4",
    "medium": "p5", "slow": "p6", "slower": "p7", "veryslow": "p7", "placebo": "p7",
}  # fmt: skip
_QSV_PRESETS = ("veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")


@dataclass(frozen=True, slots=True)
class GpuEncoder:
    """A hardware encoder that runs on this machine.

    Args:
        encoder: Its options and pixel formats.
        preset: Its preset that is nearest to the wanted one; None if it has no presets.
        arguments: ffmpeg options for the wanted quality.
    """

    encoder: Encoder
    preset: str | None
    arguments: tuple[str, ...]


def find_gpu_encoder(codec: str, crf: float, preset: str) -> GpuEncoder | None:
    """Return a hardware encoder for the same codec that encodes some test frames here; None if there is none.

    Args:
        codec: A software or hardware encoder of ffmpeg.
        crf: Wanted quality on the scale of x264; lower is better.
        preset: Wanted preset of x264.
    """
    for name in _candidates(codec):
        try:
            encoder = find_encoder(name)
        except MediaError:
            continue  # this ffmpeg was built without it
        found = GpuEncoder(encoder, _preset(name, preset), _quality(name, crf))
        if _runs(found):
            return found
    return None


def _candidates(codec: str) -> list[str]:
    if codec.rpartition("_")[2] in _VENDOR_APIS:
        return [codec]
    made = _CODECS.get(codec)
    return [] if made is None else [f"{made}_{maker}" for maker in _VENDOR_APIS]


def _preset(name: str, preset: str) -> str | None:
    if name.endswith("_nvenc"):
        return _NVENC_PRESETS.get(preset, preset)
    if name.endswith("_qsv"):
        return preset if preset in _QSV_PRESETS else _QSV_PRESETS[0] if preset in _NVENC_PRESETS else preset
    return None


def _quality(name: str, crf: float) -> tuple[str, ...]:
    level = f"{crf:g}"
    if name.endswith("_nvenc"):
        return ("-rc", "vbr", "-cq", level, "-b:v", "0")
    if name.endswith("_qsv"):
        return ("-global_quality", str(round(crf)))
    if name.endswith("_amf"):
        return ("-rc", "cqp", "-qp_i", str(round(crf)), "-qp_p", str(round(crf)))
    # VideoToolbox: 1 to 100, higher is better
    return ("-q:v", str(min(max(round(100 - 2 * crf), 1), 100)))


def _runs(found: GpuEncoder) -> bool:
    """Encode some test frames: ffmpeg may have the encoder without a device or driver for it."""
    command = [str(find_ffmpeg()), "-v", "error", "-f", "lavfi", "-i", "color=gray:size=320x240:rate=25", "-frames:v"]
    command += ["5", "-pix_fmt", "yuv420p", "-c:v", found.encoder.name, *found.arguments]
    command += ["-preset", found.preset] if found.preset is not None else []
    try:
        return run_program([*command, "-f", "null", "-"], _TIMEOUT).returncode == 0
    except MissingDependencyError:
        return False
