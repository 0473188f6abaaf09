"""`temporal(metric=...)`: metrics by name, their thresholds, and scripts that are loaded again."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import vapoursynth as vs

import vs_align
from tests.folders import REPOSITORY
from tests.synth import clip_of, coloured, first_pixels, moving_pictures, numbered_clip, props_of, rgb_clip_of
from vs_align.measure.metrics import registry


@pytest.mark.parametrize("precision", [1, vs_align.TemporalPrecision.PLANESTATS])
@pytest.mark.parametrize(("device", "backend"), [("cpu", None), (vs_align.Device.AUTO, None), ("cuda", "CPU")])
def test_options_as_values_and_as_enums(precision: int, device: str, backend: str | None) -> None:
    clip = clip_of(moving_pictures(5, 20, 20))
    result = vs_align.temporal(clip, clip, precision=precision, batch_size=4, device=device, backend=backend)
    assert props_of(result, "VSAlignOffset") == [0] * 5


@pytest.mark.parametrize("options", [{"precision": 2}, {"metric": "butteraugli:3norm"}, {"metric": "Butteraugli"}])
def test_metrics_that_see_colour(options: dict[str, object]) -> None:
    pictures = [coloured(p) for p in moving_pictures(14, 41, 33)]
    clip, ref = rgb_clip_of(pictures[3:], vs.RGB24), rgb_clip_of([0.97 * p for p in pictures], vs.RGB24)
    result = vs_align.temporal(clip, ref, tr=4, out=numbered_clip(11), **options)  # type: ignore[arg-type]
    assert first_pixels(result)[3:] == list(range(11))
    assert {str(name) for name in props_of(result, "VSAlignMetric")} <= {"butteraugli", "butteraugli:3norm"}
    assert min(float(str(c)) for c in props_of(result, "VSAlignConfidence")[4:]) > 0.5


def test_the_metric_sets_the_default_threshold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.METRICS, "planestats", replace(registry.METRICS["planestats"], thresh=5 / 255))
    flat = [np.full((8, 8), value / 255) for value in range(10)]
    clip, ref = clip_of([flat[0]] * 10), clip_of(flat)
    for thresh, missing in ((None, 5), (100.0, 0), (3 / 255, 7)):
        result = vs_align.temporal(clip, ref, tr=0, fallback=clip, thresh=thresh)
        assert sum(map(int, map(str, props_of(result, "VSAlignFallback")))) == missing


def test_a_metric_is_a_file_and_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    row = replace(
        registry.METRICS["butteraugli:3norm"],
        name="toy",
        factory="tests.measure.metrics.toy:MeanDifference",
        cuda_factory="",
        options={"early": False},
    )
    monkeypatch.setitem(registry.METRICS, "toy", row)
    pictures = moving_pictures(14, 41, 33)
    clip, ref = rgb_clip_of(pictures[3:], vs.RGB24), rgb_clip_of(pictures, vs.RGB24)
    result = vs_align.temporal(clip, ref, tr=4, out=numbered_clip(11), metric="Toy")
    assert first_pixels(result)[3:] == list(range(11))
    assert props_of(result, "VSAlignMetric") == ["toy"] * 14
    assert props_of(result, "VSAlignScore")[3:] == [0.0] * 11
    assert min(float(str(c)) for c in props_of(result, "VSAlignConfidence")[4:]) > 0.5


RELOAD = """
import gc
import vapoursynth as vs
from tests.previewer import policy
import vs_align  # stays imported over reloads, like in a previewer
from tests.synth import coloured, moving_pictures, rgb_clip_of

seen = []
for _ in range(3):
    environment = policy.api.create_environment()
    with policy.api.wrap_environment(environment).use():
        pictures = [coloured(p) for p in moving_pictures(12, 30, 22)]
        result = vs_align.temporal(rgb_clip_of(pictures[2:]), rgb_clip_of(pictures), tr=4, metric="butteraugli")
        seen.append([dict(f.props) for f in result.frames(close=True)])
        del result
    policy.api.destroy_environment(environment)
    gc.collect()
assert seen[0] == seen[1] == seen[2]
assert [props["VSAlignOffset"] for props in seen[0]][2:] == [-2] * 10
"""


def test_a_script_is_loaded_again_and_again() -> None:
    root = REPOSITORY
    done = subprocess.run(
        [sys.executable, "-c", RELOAD], cwd=root, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr


def test_choosing_a_metric_loads_nothing_heavy() -> None:
    code = (
        "import sys, vs_align, vs_align.api.temporal;"
        "assert not {'numba', 'torch', 'cv2'} & set(sys.modules), set(sys.modules)"
    )
    root = REPOSITORY
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_largest_differences_do_not_overflow() -> None:
    black, white = np.zeros((3, 40001)), np.ones((3, 40001))
    clip, ref = clip_of([white] * 8, vs.GRAY16), clip_of([black] * 8, vs.GRAY16)
    assert props_of(vs_align.temporal(clip, ref, tr=3), "VSAlignScore") == [1.0] * 8
