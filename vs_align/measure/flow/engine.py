"""Which flow engine `spatial` runs, behind one interface."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Protocol

import cv2
import numpy as np

from vs_align.enums import Device, FlowEngine
from vs_align.errors import MissingDependencyError
from vs_align.io.array_types import BoolArray, Float32Array, Float64Array
from vs_align.measure.flow.dis.engine import DisEngine
from vs_align.measure.networks import weights
from vs_align.measure.networks.torch_runtime import patient_threads

_ADVICE = "Install it with: pip install 'vs_align[torch]'"


class Engine(Protocol):
    """Finds the field of a pair of pictures. Safe to call from several threads."""

    @property
    def name(self) -> str:
        """What the prop `VSAlignEngine` says."""

    @property
    def wants_rgb(self) -> bool:
        """Whether pictures are RGB, shape (h, w, 3), or luma, shape (h, w); single floats, 0 to 1 nominal."""

    @property
    def most_lanes(self) -> int | None:
        """How many frames it pays to work on at once, None for as many as there are cores."""

    def field(
        self,
        clip: Float32Array,
        ref: Float32Array,
        start: Float64Array,
        excluded: BoolArray | None,
        clip_excluded: BoolArray | None,
    ) -> Float32Array:
        """Return where in clip each pixel of ref lies, beginning from the coarse transform `start`."""


@dataclass(frozen=True, slots=True)
class _Dis:
    search: DisEngine
    name: str = "dis"
    wants_rgb: bool = False
    most_lanes: int | None = None

    def field(
        self,
        clip: Float32Array,
        ref: Float32Array,
        start: Float64Array,
        excluded: BoolArray | None,
        clip_excluded: BoolArray | None,
    ) -> Float32Array:
        return self.search.field(clip, ref, start, excluded, clip_excluded)


@dataclass(frozen=True, slots=True)
class _Rife:
    search: Any
    most_lanes: int
    name: str = "rife"
    wants_rgb: bool = True

    def field(
        self,
        clip: Float32Array,
        ref: Float32Array,
        start: Float64Array,
        excluded: BoolArray | None,
        clip_excluded: BoolArray | None,
    ) -> Float32Array:
        return self.search.field(clip, ref, start, _joined(excluded, clip_excluded, start, ref))  # type: ignore[no-any-return]


def engine_for(
    choice: FlowEngine, device: Device, precision: int, iterations: int, lq_input: bool, function: str
) -> Engine:
    """Return the engine that is asked for, or the best that is there.

    Raises:
        MissingDependencyError: RIFE is asked for and PyTorch is not installed.
        AlignError: RIFE is asked for and its weights are not to be had.
    """
    if choice is FlowEngine.AUTO:
        choice = FlowEngine.RIFE if _rife_pays(device) else FlowEngine.DIS
    if choice is FlowEngine.DIS:
        return _Dis(DisEngine(precision, iterations, lq_input))
    if find_spec("torch") is None:
        raise MissingDependencyError(
            f"vs_align.{function}: engine 'rife' needs PyTorch; engine 'dis' does not. {_ADVICE}."
        )
    with patient_threads():
        from vs_align.measure.flow.rife.engine import RifeEngine, RifeOptions

    where = "cuda" if _cuda_is_there() and device is not Device.CPU else "cpu"
    engine = RifeEngine(weights.locate("rife"), RifeOptions(precision, iterations, lq_input), where)
    # on the CPU the network fills the cores by itself
    return _Rife(engine, 2 if where == "cuda" else 1)


def _rife_pays(device: Device) -> bool:
    return device is not Device.CPU and weights.available("rife") is not None and _cuda_is_there()


def _cuda_is_there() -> bool:
    if find_spec("torch") is None:
        return False
    with patient_threads():
        import torch

    return bool(torch.cuda.is_available())


def _joined(
    excluded: BoolArray | None, clip_excluded: BoolArray | None, start: Float64Array, ref: Float32Array
) -> BoolArray | None:
    """Return what does not count in either picture, on ref's pixels."""
    if clip_excluded is None:
        return excluded
    size = ref.shape[1], ref.shape[0]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpPerspective(clip_excluded.astype(np.uint8) * 255, start, size, flags=flags) > 0
    return moved if excluded is None else moved | excluded
