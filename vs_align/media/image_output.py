"""Images as outputs: how ffmpeg writes one frame as PNG, JPEG, TIFF, WebP or BMP."""

from dataclasses import dataclass
from pathlib import Path

from vs_align.errors import MediaError
from vs_align.media.ffmpeg import Encoder, find_encoder


@dataclass(frozen=True, slots=True)
class ImageKind:
    """How an image is written.

    Args:
        encoder: ffmpeg's name.
        colour: Formats of its pixels for RGB of 8 and of 16 bits.
        grey: Likewise for grey.
        options: Of the encoder.
    """

    encoder: str
    colour: tuple[str, str]
    grey: tuple[str, str]
    options: tuple[str, ...] = ()

    @property
    def is_deep(self) -> bool:
        """Whether it holds 16 bits."""
        return self.colour[0] != self.colour[1]


# JPEG at the best quality that ffmpeg gives it, WebP without loss: of one image nobody needs to save the bytes.
_JPEG = ImageKind("mjpeg", ("yuvj444p", "yuvj444p"), ("yuvj444p", "yuvj444p"), ("-q:v", "2"))
_TIFF = ImageKind("tiff", ("rgb24", "rgb48le"), ("gray", "gray16le"))
_KINDS = {
    ".png": ImageKind("png", ("rgb24", "rgb48be"), ("gray", "gray16be")),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".webp": ImageKind("libwebp", ("bgra", "bgra"), ("bgra", "bgra"), ("-lossless", "1")),
    ".bmp": ImageKind("bmp", ("bgr24", "bgr24"), ("gray", "gray")),
}


def image_endings() -> list[str]:
    """Return the file name extensions of images that can be written."""
    return sorted(_KINDS)


def is_image(path: Path) -> bool:
    """Tell whether a file to write is an image."""
    return path.suffix.lower() in _KINDS


def check_one_frame(path: Path, frames: int) -> None:
    """Make sure that what goes into a file can be in it.

    Raises:
        MediaError: It is an image, and there are several frames.
    """
    if is_image(path) and frames != 1:
        raise MediaError(f"{path.name} is an image, and the result has {frames} frames: name a video, such as .mkv.")


def image_format(path: Path, bits: int, *, is_grey: bool) -> str:
    """Return VapourSynth's name of the format that pictures must have to become an image.

    Args:
        path: The image.
        bits: Bits of a sample of what there is.
        is_grey: Whether it is grey.
    """
    deep = bits > 8 and _KINDS[path.suffix.lower()].is_deep
    if is_grey:
        return "GRAY16" if deep else "GRAY8"
    return "RGB48" if deep else "RGB24"


def image_encoder(path: Path) -> Encoder:
    """Ask ffmpeg for the encoder of an image.

    Raises:
        MediaError: This ffmpeg has none.
        MissingDependencyError: There is no ffmpeg.
    """
    name = _KINDS[path.suffix.lower()].encoder
    try:
        return find_encoder(name)
    except MediaError as error:
        raise MediaError(f"{path.name} cannot be written: this ffmpeg has no encoder {name}. Name a .png.") from error


def image_arguments(path: Path, form: str) -> list[str]:
    """Return ffmpeg's options for an image.

    Args:
        path: The image.
        form: What `image_format` said.
    """
    kind = _KINDS[path.suffix.lower()]
    pixels = (kind.grey if form.startswith("GRAY") else kind.colour)[form in ("GRAY16", "RGB48")]
    return ["-c:v", kind.encoder, *kind.options, "-pix_fmt", pixels, "-frames:v", "1", "-f", "image2", "-update", "1"]


def check_image(path: Path) -> None:
    """Read an image back that was written.

    Raises:
        MediaError: It cannot be read.
    """
    import av

    try:
        with av.open(str(path)) as container:
            whole = next(container.decode(video=0), None) is not None
    except av.FFmpegError as error:
        raise MediaError(f"The image that was written cannot be read back: {error}.") from error
    if not whole:
        raise MediaError("The image that was written cannot be read back: it is empty.")
