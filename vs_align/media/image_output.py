"""Image output: ffmpeg encoders and pixel formats for one frame as PNG, JPEG, TIFF, WebP or BMP."""

from dataclasses import dataclass
from pathlib import Path

from vs_align.errors import MediaError
from vs_align.media.ffmpeg import Encoder, find_encoder


@dataclass(frozen=True, slots=True)
class ImageKind:
    """Encoder and pixel formats of an image format.

    Args:
        encoder: ffmpeg's name of the encoder.
        color: Pixel formats for RGB of 8 and of 16 bits.
        gray: Pixel formats for gray of 8 and of 16 bits.
        options: Options of the encoder.
    """

    encoder: str
    color: tuple[str, str]
    gray: tuple[str, str]
    options: tuple[str, ...] = ()

    @property
    def is_deep(self) -> bool:
        """Whether it holds 16 bits."""
        return self.color[0] != self.color[1]


# JPEG at ffmpeg's best quality, WebP lossless: the size of one image does not matter
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


def image_suffixes() -> list[str]:
    """Return the suffixes of images that can be written."""
    return sorted(_KINDS)


def is_image(path: Path) -> bool:
    """Return whether an output file is an image."""
    return path.suffix.lower() in _KINDS


def check_single_frame(path: Path, frames: int) -> None:
    """Raise if an image is to hold several frames.

    Raises:
        MediaError: The file is an image, and there are several frames.
    """
    if is_image(path) and frames != 1:
        raise MediaError(f"{path.name} is an image, and the result has {frames} frames: name a video, such as .mkv.")


def image_format(path: Path, bits: int, *, is_gray: bool) -> str:
    """Return VapourSynth's name of the format from which an image is encoded.

    Args:
        path: The image.
        bits: Bits per sample of the frames.
        is_gray: Whether the frames are gray.
    """
    deep = bits > 8 and _KINDS[path.suffix.lower()].is_deep
    if is_gray:
        return "GRAY16" if deep else "GRAY8"
    return "RGB48" if deep else "RGB24"


def image_encoder(path: Path) -> Encoder:
    """Return ffmpeg's encoder of an image format.

    Raises:
        MediaError: This ffmpeg lacks it.
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
        form: Result of `image_format`.
    """
    kind = _KINDS[path.suffix.lower()]
    pixels = (kind.gray if form.startswith("GRAY") else kind.color)[form in ("GRAY16", "RGB48")]
    return ["-c:v", kind.encoder, *kind.options, "-pix_fmt", pixels, "-frames:v", "1", "-f", "image2", "-update", "1"]


def check_image(path: Path) -> None:
    """Read a written image back.

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
