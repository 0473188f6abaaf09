"""Color tags (ITU-T H.273) from frame props to ffmpeg's options, because a pipe does not carry them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_UNKNOWN = 2
"""H.273 code for "unspecified"."""


@dataclass(frozen=True, slots=True)
class ColorTags:
    """Interpretation of sample values: codes of ITU-T H.273, None if not specified."""

    matrix: int | None = None
    transfer: int | None = None
    primaries: int | None = None
    full_range: bool | None = None
    chroma: int | None = None
    """Chroma sample location: 0 left, 1 center, 2 top left, 3 top, 4 bottom left, 5 bottom."""
    sample_aspect: tuple[int, int] | None = None

    @classmethod
    def from_props(cls, props: Mapping[str, Any], *, is_subsampled: bool) -> "ColorTags":
        """Read the tags from the props of a frame.

        Args:
            props: Props of a frame.
            is_subsampled: Whether chroma has fewer rows than luma; else the chroma sample location has no meaning.
        """
        width, height = props.get("_SARNum", 0), props.get("_SARDen", 0)
        value = props.get("_Range")
        chroma = props.get("_ChromaLocation")
        return cls(
            matrix=_known(props.get("_Matrix")),
            transfer=_known(props.get("_Transfer")),
            primaries=_known(props.get("_Primaries")),
            full_range=None if value is None else bool(value),
            chroma=int(chroma) if is_subsampled and chroma is not None else None,
            sample_aspect=(int(width), int(height)) if width > 0 and height > 0 else None,
        )

    def filter(self) -> str:
        """Return an ffmpeg filter chain that sets the tags of frames and leaves the samples unchanged."""
        params = {
            "color_primaries": self.primaries,
            "color_trc": self.transfer,
            "colorspace": self.matrix,
            "range": None if self.full_range is None else "full" if self.full_range else "limited",
        }
        named = ":".join(f"{key}={value}" for key, value in params.items() if value is not None)
        chain = [f"setparams={named}"] if named else []
        if self.sample_aspect is not None:
            chain.append("setsar={}/{}".format(*self.sample_aspect))
        return ",".join(chain)

    def encoder_arguments(self) -> list[str]:
        """Return the same tags as output options, for encoders and muxers that do not look at frames."""
        options = {
            "-color_primaries": self.primaries,
            "-color_trc": self.transfer,
            "-colorspace": self.matrix,
            "-color_range": None if self.full_range is None else "pc" if self.full_range else "tv",
            # ffmpeg counts from 1 and keeps 0 for unknown
            "-chroma_sample_location": None if self.chroma is None else self.chroma + 1,
        }
        return [part for key, value in options.items() if value is not None for part in (key, str(value))]


def _known(value: Any) -> int | None:
    return None if value is None or int(value) == _UNKNOWN else int(value)
