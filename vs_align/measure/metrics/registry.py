"""The table of metrics: what `temporal`, the command line and the confidence model need to know of each.

Adding a metric takes a class of the form of `vs_align.measure.metrics.metric.Metric` and a row in `METRICS`.
"""

import logging
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from importlib.util import find_spec
from math import inf
from typing import Any

from vs_align.enums import Device, TemporalPrecision
from vs_align.errors import ArgumentError, MissingDependencyError
from vs_align.io.install_advice import TORCH, install_command
from vs_align.measure.metrics.metric import Metric, ScoreTolerance

_logger = logging.getLogger("vs_align")


class MetricInput(StrEnum):
    """What a metric compares."""

    PLANE = "plane"
    """Plane 0 as stored."""
    RGB = "rgb"
    """Red, green and blue, as `vs_align.io.array_types.RgbImage`."""


class SearchKind(StrEnum):
    """How the best candidate of a window is found; `vs_align.render.temporal.searches` has one search for each."""

    FEATURES = "features"
    """A `Metric` prepares and compares RGB images; works for any metric with a `factory`."""
    PLUGIN = "plugin"
    """A VapourSynth plugin computes the score of two clips."""
    PLANES = "planes"
    """PlaneStats by successive elimination, on planes in place."""
    STRUCTURE = "structure"
    """Registration of sections of ref, then structure scores."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Coefficients of the logistic model of the confidence of a match; see `vs_align.decide.matching.decision`."""

    base: float
    """Constant term of the logit."""
    margin: float
    """Per log1p of the path cost margin."""
    score: float
    """Per -log1p of the score in units of `typical_score`."""
    typical_score: float
    """Usual score of two versions of one frame."""
    jitter: float = 0.0
    """Per -log1p of the offset jitter."""
    isolated: float = 0.0
    """Share by which the score counts more if the offset changes for this frame alone."""


# Fitted by scripts/calibrate.py to real footage with lost, repeated and swapped frames under grain, other grades, zoom,
# compression and wear, and to unrelated footage. That of topiq was chosen by analogy and is not fitted. The base is
# held low: if nothing speaks against another frame, a good score alone does not make a match certain.
# The score coefficient of planestats is the lowest, in steps of 0.5, that keeps each half of six clips below 0.5 %
# matches that are wrong and above 0.9 under hard compression (384x216, 90 frames, tr 12): if a frame is lost, the wrong
# one of its two neighbors may score better.
_PLANESTATS = Calibration(base=0.3, margin=2.2, score=5.5, typical_score=0.05, jitter=1.8, isolated=2.0)
# Fitted with --wrong-counts 12 at 240x135, 60 frames, tr 8, to six clips (logo, fades, grain, plain, crushed,
# compressed, still, regraded). The margin saturates at a tenth of the score, which grain and logos alone exceed, so
# that a fit that counts each match once leaves too many wrong ones above 0.9.
_BUTTERAUGLI = Calibration(base=0.3, margin=1.57, score=1.37, typical_score=2.0, jitter=1.6, isolated=3.0)
_BUTTERAUGLI_3NORM = Calibration(base=0.3, margin=1.69, score=1.7, typical_score=2.0, jitter=1.47, isolated=3.0)
_TOPIQ = Calibration(base=0.3, margin=2.15, score=3.6, typical_score=0.3, jitter=2.0, isolated=3.0)
# A match whose offset changes for one frame alone was wrong in 61 of 72 cases if two encodes of grain were compared by
# planestats, and right in 53 of 53 if frames were lost, repeated or swapped. Only the score separates the two: above
# 0.9 stay those that are equal or nearly so. Not measured for topiq, and not used by structure.
_STRUCTURE = Calibration(base=0.3, margin=2.6, score=6.0, typical_score=0.2, jitter=0.5)


@dataclass(frozen=True, slots=True)
class MetricRow:
    """What is known of a metric. Lower scores are more alike."""

    name: str
    """Value of the argument `metric`."""
    title: str
    """Name in texts for people."""
    best_for: str
    """Kind of versions that it compares well."""
    score_range: tuple[float, float]
    """Lowest and highest score; equal images have the lowest, except for neural metrics."""
    thresh: float
    """Default of `thresh`: scores from here on count as no match."""
    noise: ScoreTolerance
    """Difference of two scores that noise alone makes; the unit of the path costs."""
    calibration: Calibration
    input: MetricInput
    license: str = "MIT"
    search: SearchKind = SearchKind.FEATURES
    registers: bool = False
    """Whether the search registers clip on ref: they may differ in format and size, and a placement may be given."""
    is_luma_difference: bool = False
    """Whether scores are mean absolute differences of luma in units of its range."""
    factory: str = ""
    """The class, as "module:class". Empty if the search needs none."""
    cuda_factory: str = ""
    """The class for CUDA, which also takes the device and `batch_size`. Empty if there is none, or if `factory` takes
    them."""
    options: dict[str, Any] = field(default_factory=dict)
    """Arguments of the class."""
    cuda_row: str = ""
    """Name of the metric to use instead if CUDA was requested and that metric can run. Empty for none."""
    plugin: str = ""
    """Namespace of the VapourSynth plugin that computes the score."""
    plugin_advice: str = ""
    """How to install the plugin."""
    packages: tuple[str, ...] = ()
    """Python packages that have to be installed."""
    model: str = ""
    """Name of the weights in `vs_align.measure.networks.weights`."""
    parallel_frames: int | None = None
    """Frames worth scoring at once; None for as many as there are cores."""

    @property
    def uses_torch(self) -> bool:
        """Whether PyTorch runs it on CUDA; other metrics run on the CPU, or on the device of their plugin."""
        return bool(self.model or self.cuda_factory)


_BUTTERAUGLI_LICENSE = "MIT, after BSD-3-Clause libjxl"
_CPU_BUTTERAUGLI = "vs_align.measure.metrics.butteraugli.metric:Butteraugli"
_CUDA_BUTTERAUGLI = "vs_align.measure.metrics.butteraugli.metric_torch:ButteraugliTorch"

METRICS: dict[str, MetricRow] = {
    row.name: row
    for row in (
        MetricRow(
            name="planestats",
            title="PlaneStats",
            best_for="versions with equal framing and color",
            score_range=(0.0, 1.0),
            thresh=100.0,
            noise=ScoreTolerance(0.005, 1e-5),
            calibration=_PLANESTATS,
            input=MetricInput.PLANE,
            search=SearchKind.PLANES,
            is_luma_difference=True,
        ),
        MetricRow(
            name="butteraugli",
            title="Butteraugli",
            best_for="slight differences such as compression",
            score_range=(0.0, inf),
            thresh=100.0,
            noise=ScoreTolerance(0.01, 0.005),
            calibration=_BUTTERAUGLI,
            input=MetricInput.RGB,
            license=_BUTTERAUGLI_LICENSE,
            factory=_CPU_BUTTERAUGLI,
            cuda_factory=_CUDA_BUTTERAUGLI,
            options={"norm": "max"},
            cuda_row="butteraugli:vship",
        ),
        MetricRow(
            name="butteraugli:3norm",
            title="Butteraugli, 3-norm",
            best_for="slight differences such as grain, judged over the whole image",
            score_range=(0.0, inf),
            thresh=100.0,
            noise=ScoreTolerance(0.01, 0.005),
            calibration=_BUTTERAUGLI_3NORM,
            input=MetricInput.RGB,
            license=_BUTTERAUGLI_LICENSE,
            factory=_CPU_BUTTERAUGLI,
            cuda_factory=_CUDA_BUTTERAUGLI,
            options={"norm": "3"},
        ),
        MetricRow(
            name="butteraugli:vship",
            title="Butteraugli by the plugin Vship",
            best_for="as butteraugli, on a GPU",
            score_range=(0.0, inf),
            thresh=100.0,
            noise=ScoreTolerance(0.01, 0.005),
            calibration=_BUTTERAUGLI,
            input=MetricInput.RGB,
            license="that of the plugin",
            search=SearchKind.PLUGIN,
            plugin="vship",
            plugin_advice="Copy the library of a Vship release into the folder of VapourSynth's plugins",
        ),
        MetricRow(
            name="butteraugli:julek",
            title="Butteraugli by the plugin julek",
            best_for="as butteraugli",
            score_range=(0.0, inf),
            thresh=100.0,
            noise=ScoreTolerance(0.01, 0.005),
            calibration=_BUTTERAUGLI,
            input=MetricInput.RGB,
            license="that of the plugin",
            search=SearchKind.PLUGIN,
            plugin="julek",
            plugin_advice="Copy the library of a julek-plugin release into the folder of VapourSynth's plugins",
        ),
        MetricRow(
            name="topiq",
            title="TOPIQ",
            best_for="large differences, by a neural network",
            score_range=(0.0, 1.0),
            thresh=100.0,
            noise=ScoreTolerance(0.02, 0.002),
            calibration=_TOPIQ,
            input=MetricInput.RGB,
            license="weights for non-commercial use only",
            factory="vs_align.measure.metrics.topiq.metric:Topiq",
            packages=("torch", "timm"),
            model="topiq",
            parallel_frames=1,
        ),
        MetricRow(
            name="structure",
            title="structure after registration",
            best_for="large differences such as zoom, grade and logos",
            score_range=(0.0, 2.0),
            thresh=0.75,
            noise=ScoreTolerance(0.003, 0.00025),
            calibration=_STRUCTURE,
            input=MetricInput.PLANE,
            search=SearchKind.STRUCTURE,
            registers=True,
        ),
    )
}

_BY_PRECISION = {
    TemporalPrecision.PLANESTATS: ("planestats",),
    TemporalPrecision.BUTTERAUGLI: ("butteraugli",),
    TemporalPrecision.STRUCTURE: ("topiq", "structure"),
}
"""Metrics of each precision, best first; the last one needs nothing that may be missing."""


def missing_for(row: MetricRow) -> str:
    """Return what a metric needs that is not installed, and how to install it; empty if the metric can run."""
    from vs_align.measure.networks import weights

    absent = [package for package in row.packages if find_spec(package) is None]
    if absent:
        return f"needs {' and '.join(absent)}. Run: {install_command(*TORCH)}"
    if row.plugin:
        from vs_align.nodes.plugins import is_loaded

        if not is_loaded(row.plugin):
            return f"needs the VapourSynth plugin {row.plugin}. {row.plugin_advice}"
    if row.model and (row.model not in weights.MODELS or weights.find(row.model) is None):
        return f"needs the weights of {row.title}. Get them with: vs-align models get {row.model}"
    return ""


def metric_named(function: str, precision: TemporalPrecision, name: object = None) -> MetricRow:
    """Return the requested metric.

    Args:
        function: The public function that was called, for messages.
        precision: Used if no name is given. Precision 3 is TOPIQ if its weights and PyTorch are installed, else
            structure, with a warning in the log.
        name: Name of a metric in any case, or None.

    Raises:
        ArgumentError: There is no such metric.
        MissingDependencyError: It needs something that is not installed.
    """
    if name is None:
        return _of_precision(precision)
    row = METRICS.get(name.lower()) if isinstance(name, str) else None
    if row is None:
        choices = ", ".join(repr(known) for known in METRICS)
        raise ArgumentError(function, "metric", f"must be one of {choices}", repr(name))
    missing = missing_for(row)
    if missing:
        raise MissingDependencyError(f"vs_align.{function}: metric '{row.name}' {missing}")
    return row


def on_device(row: MetricRow, device: Device) -> MetricRow:
    """Return the row to use on a device: `cuda_row` on CUDA if that metric can run, else the row itself."""
    if row.cuda_row and device is Device.CUDA and not missing_for(METRICS[row.cuda_row]):
        return METRICS[row.cuda_row]
    return row


def _of_precision(precision: TemporalPrecision) -> MetricRow:
    *preferred, last = (METRICS[name] for name in _BY_PRECISION[precision])
    for row in preferred:
        missing = missing_for(row)
        if not missing:
            return row
        _warn_once(
            f"vs_align.temporal: precision {precision.value} uses the metric '{last.name}', "
            f"because '{row.name}' {missing}."
        )
    return last


_warned: set[str] = set()


def _warn_once(message: str) -> None:
    if message not in _warned:
        _warned.add(message)
        _logger.warning(message)


def build(row: MetricRow, device: Device, batch_size: int | None = None) -> Metric[Any]:
    """Create the metric of a row.

    Args:
        row: A metric with a factory.
        device: Where it runs. "auto" is CUDA if PyTorch finds a device and the metric supports it.
        batch_size: Candidates that a neural metric compares at once, None for its default.
    """
    from vs_align.measure.networks.download import locate
    from vs_align.measure.networks.torch_runtime import cuda_is_available, passive_waiting

    with passive_waiting():
        on_cuda = device is not Device.CPU and row.uses_torch and cuda_is_available()
        if row.model:
            place = "cuda" if on_cuda else "cpu"
            return _created(row.factory, locate(row.model), device=place, batch_size=batch_size, **row.options)
        if on_cuda:
            return _created(row.cuda_factory, "cuda", batch_size=batch_size, **row.options)
        return _created(row.factory, **row.options)


def _created(path: str, *arguments: Any, **options: Any) -> Metric[Any]:
    module, _, name = path.partition(":")
    created: Metric[Any] = getattr(import_module(module), name)(*arguments, **options)
    return created
