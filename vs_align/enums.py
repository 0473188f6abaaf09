"""Options with a fixed set of values. Plain values are accepted wherever an enum is."""

from enum import IntEnum, StrEnum


class TemporalPrecision(IntEnum):
    """How two frames are compared by `temporal`."""

    PLANESTATS = 1
    """Mean absolute difference of plane 0, as `std.PlaneStats` gives it. For versions with equal framing and colour."""
    BUTTERAUGLI = 2
    """Perceived difference (Butteraugli). For slight differences such as compression."""
    STRUCTURE = 3
    """Structure after registration. For large differences such as zoom, grade and logos."""


class Device(StrEnum):
    """Where numbers are crunched."""

    AUTO = "auto"
    """CUDA where it is there and pays, else the CPU."""
    CPU = "cpu"
    """The CPU."""
    CUDA = "cuda"
    """A CUDA device; an error where PyTorch sees none."""


class SegmentKind(StrEnum):
    """What a segment of a `Timeline` says about its ref frames."""

    MATCH = "match"
    """Clip shows the same moments, frame after frame."""
    HOLD = "hold"
    """Clip shows one frame for all of them."""
    INSERT = "insert"
    """Clip has no counterpart."""
