"""The interface of dense flow engines, and the choice between DIS (CPU, no weights) and RIFE (network, weights)."""

from importlib.util import find_spec
from typing import Protocol

from vs_align.enums import Device, FlowEngine
from vs_align.errors import MissingDependencyError
from vs_align.io.array_types import BoolArray, Float32Array, Float64Array
from vs_align.io.install_advice import TORCH, install_command
from vs_align.measure.flow.dis.engine import DisEngine
from vs_align.measure.networks import weights
from vs_align.measure.networks.download import locate
from vs_align.measure.networks.torch_runtime import cuda_is_available, passive_waiting


class Engine(Protocol):
    """Estimates the dense field between two images. Thread-safe."""

    @property
    def name(self) -> str:
        """Value of the frame prop `VSAlignEngine`."""

    @property
    def wants_rgb(self) -> bool:
        """Whether images are RGB, (h, w, 3), or luma, (h, w); float32, 0..1 nominal."""

    @property
    def most_lanes(self) -> int | None:
        """Number of frames to process in parallel; None for one per core."""

    def field(
        self,
        clip: Float32Array,
        ref: Float32Array,
        start: Float64Array,
        excluded: BoolArray | None,
        clip_excluded: BoolArray | None,
    ) -> Float32Array:
        """Return the position in clip of each pixel of ref.

        Args:
            clip: (hc, wc) or (hc, wc, 3), see `wants_rgb`.
            ref: (h, w) or (h, w, 3).
            start: (3, 3), initial homography from ref pixels to clip pixels.
            excluded: Pixels of ref to ignore, (h, w), or None.
            clip_excluded: Pixels of clip to ignore, (hc, wc), or None.

        Returns:
            The field, (h, w, 2), see `vs_align.measure.images.field`.
        """


def engine_for(
    choice: FlowEngine, device: Device, precision: int, iterations: int, lq_input: bool, function: str
) -> Engine:
    """Create a flow engine.

    Args:
        choice: The engine; AUTO is RIFE if CUDA and its weights are there, else DIS.
        device: Device for RIFE; DIS runs on the CPU.
        precision: 1 to 4.
        iterations: Repetitions, at least 1.
        lq_input: Whether the input is noisy or has compression artifacts.
        function: Name of the public function for error messages.

    Raises:
        MissingDependencyError: RIFE is requested and PyTorch is not installed.
        AlignError: RIFE is requested and its weights are neither on this machine nor downloadable.
    """
    if choice is FlowEngine.AUTO:
        choice = FlowEngine.RIFE if _rife_is_ready(device) else FlowEngine.DIS
    if choice is FlowEngine.DIS:
        return DisEngine(precision, iterations, lq_input)
    if find_spec("torch") is None:
        raise MissingDependencyError(
            f"vs_align.{function}: engine 'rife' needs PyTorch; engine 'dis' does not. Run: {install_command(*TORCH)}"
        )
    with passive_waiting():
        from vs_align.measure.flow.rife.engine import RifeEngine, RifeOptions

    torch_device = "cuda" if cuda_is_available() and device is not Device.CPU else "cpu"
    return RifeEngine(locate("rife"), RifeOptions(precision, iterations, lq_input), torch_device)


def _rife_is_ready(device: Device) -> bool:
    return device is not Device.CPU and weights.available("rife") is not None and cuda_is_available()
