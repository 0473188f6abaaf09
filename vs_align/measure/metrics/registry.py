"""Which metrics there are. Adding one takes a file with a class of the form of `Metric`, and a row here."""

import logging
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from importlib.util import find_spec
from math import inf
from typing import Any

from vs_align.enums import Device, TemporalPrecision
from vs_align.errors import ArgumentError, MissingDependencyError
from vs_align.measure.metrics.metric import Metric
from vs_align.measure.metrics.score_tolerance import Noise

_ADVICE = "Install it with: pip install 'vs_align[torch]'"
_logger = logging.getLogger("vs_align")


class Pictures(StrEnum):
    """What a metric compares."""

    PLANE = "plane"
    """Plane 0 as it lies in memory."""
    RGB = "rgb"
    """Red, green and blue."""


@dataclass(frozen=True, slots=True)
class MetricRow:
    """What is to be known of a metric. Of all of them lower is more alike."""

    name: str
    title: str
    """What people call it."""
    best_for: str
    score_range: tuple[float, float]
    """Lowest and highest score; equal pictures have the lowest, but for neural metrics."""
    thresh: float
    """Default of `thresh`: from this score on a match is held to be none."""
    noise: Noise
    pictures: Pictures
    licence: str = "MIT"
    factory: str = ""
    """Where the class lies, "module:class"; empty for metrics that bring a search of their own."""
    cuda_factory: str = ""
    """The same for CUDA; it takes the device and `batch_size` too. Empty where the first one takes them, or none."""
    options: dict[str, Any] = field(default_factory=dict)
    """Arguments of the class."""
    plugin: str = ""
    """Namespace of a VapourSynth plugin that does the work."""
    plugin_advice: str = ""
    packages: tuple[str, ...] = ()
    """Python packages that have to be installed."""
    model: str = ""
    """File of weights that has to be there."""
    lanes: int | None = None
    """How many frames it pays to work on at once, None for as many as there are cores."""

    @property
    def uses_torch(self) -> bool:
        """Whether PyTorch runs it on CUDA; the others run on the CPU, or wherever their plugin does."""
        return bool(self.model or self.cuda_factory)


METRICS: dict[str, MetricRow] = {
    row.name: row
    for row in (
        MetricRow(
            name="planestats",
            title="PlaneStats",
            best_for="versions with equal framing and colour",
            score_range=(0.0, 1.0),
            thresh=100.0,
            noise=Noise(0.005, 1e-5),
            pictures=Pictures.PLANE,
        ),
        MetricRow(
            name="butteraugli",
            title="Butteraugli",
            best_for="slight differences such as compression",
            score_range=(0.0, inf),
            thresh=100.0,
            noise=Noise(0.01, 0.005),
            pictures=Pictures.RGB,
            licence="MIT, after BSD-3-Clause libjxl",
            factory="vs_align.measure.metrics.butteraugli.metric:Butteraugli",
            cuda_factory="vs_align.measure.metrics.butteraugli.metric_torch:ButteraugliTorch",
            options={"norm": "max"},
        ),
        MetricRow(
            name="butteraugli:3norm",
            title="Butteraugli, 3-norm",
            best_for="slight differences such as grain, judged over the whole picture",
            score_range=(0.0, inf),
            thresh=100.0,
            noise=Noise(0.01, 0.005),
            pictures=Pictures.RGB,
            licence="MIT, after BSD-3-Clause libjxl",
            factory="vs_align.measure.metrics.butteraugli.metric:Butteraugli",
            cuda_factory="vs_align.measure.metrics.butteraugli.metric_torch:ButteraugliTorch",
            options={"norm": "3"},
        ),
        MetricRow(
            name="butteraugli:vship",
            title="Butteraugli by the plugin Vship",
            best_for="as butteraugli, on a GPU",
            score_range=(0.0, inf),
            thresh=100.0,
            noise=Noise(0.01, 0.005),
            pictures=Pictures.RGB,
            licence="that of the plugin",
            plugin="vship",
            plugin_advice="Copy the library of a Vship release into the folder of VapourSynth's plugins",
        ),
        MetricRow(
            name="butteraugli:julek",
            title="Butteraugli by the plugin julek",
            best_for="as butteraugli",
            score_range=(0.0, inf),
            thresh=100.0,
            noise=Noise(0.01, 0.005),
            pictures=Pictures.RGB,
            licence="that of the plugin",
            plugin="julek",
            plugin_advice="Copy the library of a julek-plugin release into the folder of VapourSynth's plugins",
        ),
        MetricRow(
            name="topiq",
            title="TOPIQ",
            best_for="large differences, by a neural network",
            score_range=(0.0, 1.0),
            thresh=100.0,
            noise=Noise(0.02, 0.002),
            pictures=Pictures.RGB,
            licence="weights for non-commercial use only",
            factory="vs_align.measure.metrics.topiq.metric:Topiq",
            packages=("torch", "timm"),
            model="topiq",
            lanes=1,
        ),
        MetricRow(
            name="structure",
            title="structure after registration",
            best_for="large differences such as zoom, grade and logos",
            score_range=(0.0, 2.0),
            thresh=0.75,
            noise=Noise(0.003, 0.00025),
            pictures=Pictures.PLANE,
        ),
    )
}

_BY_PRECISION = {
    TemporalPrecision.PLANESTATS: "planestats",
    TemporalPrecision.BUTTERAUGLI: "butteraugli",
}


def missing_for(row: MetricRow) -> str:
    """Return what a metric needs that is not there, with how to get it; empty where it can run."""
    from vs_align.measure.networks import weights

    absent = [package for package in row.packages if find_spec(package) is None]
    if absent:
        return f"needs {' and '.join(absent)}. {_ADVICE}"
    if row.plugin:
        import vapoursynth as vs

        if not hasattr(vs.core, row.plugin):
            return f"needs the VapourSynth plugin {row.plugin}. {row.plugin_advice}"
    if row.model and (row.model not in weights.MODELS or weights.find(row.model) is None):
        return f"needs the weights of {row.title}. Get them with: vs-align models get {row.model}"
    return ""


def metric_named(function: str, precision: TemporalPrecision, name: object = None) -> MetricRow:
    """Return the metric that is asked for.

    Args:
        function: The public function that was called, for messages.
        precision: Counts where no name is given. Precision 3 is TOPIQ where its weights and PyTorch are there, else
            structure, which the log then says.
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
        raise MissingDependencyError(f"vs_align.{function}: metric '{row.name}' {missing}.")
    return row


def on_device(row: MetricRow, device: Device) -> MetricRow:
    """Return the row to use on a device: Butteraugli on CUDA is Vship's where that plugin is installed."""
    plugin = METRICS["butteraugli:vship"]
    if row.name == "butteraugli" and device is Device.CUDA and not missing_for(plugin):
        return plugin
    return row


def _of_precision(precision: TemporalPrecision) -> MetricRow:
    if precision in _BY_PRECISION:
        return METRICS[_BY_PRECISION[precision]]
    missing = missing_for(METRICS["topiq"])
    if not missing:
        return METRICS["topiq"]
    _say_once(f"vs_align.temporal: precision 3 uses the metric 'structure', because 'topiq' {missing}.")
    return METRICS["structure"]


_said: set[str] = set()


def _say_once(message: str) -> None:
    if message not in _said:
        _said.add(message)
        _logger.warning(message)


def build(row: MetricRow, device: Device, batch_size: int | None = None) -> Metric[Any]:
    """Make a metric that compares features.

    Args:
        row: A metric with a factory.
        device: Where it runs. "auto" is CUDA where PyTorch sees a device and the metric has been written for it.
        batch_size: How many candidates a neural metric compares at once, None for its own choice.
    """
    from vs_align.measure.networks import weights
    from vs_align.measure.networks.torch_runtime import patient_threads

    with patient_threads():
        on_cuda = device is not Device.CPU and (bool(row.model) or bool(row.cuda_factory)) and _cuda_is_there()
        if row.model:
            place = "cuda" if on_cuda else "cpu"
            return _made(row.factory, weights.locate(row.model), device=place, batch_size=batch_size, **row.options)
        if on_cuda:
            return _made(row.cuda_factory, "cuda", batch_size=batch_size, **row.options)
        return _made(row.factory, **row.options)


def _made(path: str, *arguments: Any, **options: Any) -> Metric[Any]:
    module, _, name = path.partition(":")
    made: Metric[Any] = getattr(import_module(module), name)(*arguments, **options)
    return made


def _cuda_is_there() -> bool:
    if find_spec("torch") is None:
        return False
    import torch

    return bool(torch.cuda.is_available())
