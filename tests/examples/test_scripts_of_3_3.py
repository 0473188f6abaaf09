"""Scripts that were written for vs_align 3.3: its names, the order of its arguments, and the calls of its README."""

import inspect

import pytest
import vapoursynth as vs

import vs_align
from tests.synth import clip_of, coloured, grid, moving_pictures, props_of, rgb_clip_of, texture

SIGNATURES = {
    "temporal": (
        ["clip", "ref", "out", "precision", "tr", "fallback", "thresh", "clip_num", "clip_den", "ref_num", "ref_den"],
        ["backend", "batch_size", "debug"],
    ),
    "spatial": (["clip", "ref", "mask", "precision", "wide_search", "lq_input", "alpha"], ["backend"]),
}


@pytest.mark.parametrize("function", SIGNATURES)
def test_arguments_by_position(function: str) -> None:
    """What was called backend is called device here, stands at its place, and is taken by its old name too."""
    before, after = SIGNATURES[function]
    parameters = inspect.signature(getattr(vs_align, function)).parameters
    by_position = [name for name, each in parameters.items() if each.kind is each.POSITIONAL_OR_KEYWORD]
    assert by_position == [*before, *("device" if name == "backend" else name for name in after)]
    assert "backend" in parameters


def test_enums() -> None:
    assert [each.value for each in (vs_align.Backend.CPU, vs_align.Backend.CUDA)] == ["cpu", "cuda"]
    kinds = [getattr(vs_align.TemporalPrecision, name) for name in ("PLANESTATS", "BUTTERAUGLI", "TOPIQ")]
    assert kinds == [1, 2, 3]
    levels = [getattr(vs_align.SpatialPrecision, f"PERCENT_{percent}") for percent in (50, 100, 200, 400)]
    assert levels == [1, 2, 3, 4]


def pair_in_time() -> tuple[vs.VideoNode, vs.VideoNode]:
    frames = moving_pictures(40, 64, 48, seed=5)
    return clip_of(frames[3:33]), clip_of(frames[:30])


def test_the_call_of_temporal_in_its_readme() -> None:
    clip, ref = pair_in_time()
    # precision 1 compared on the CPU with this backend too
    clip = vs_align.temporal(
        clip, ref, out=None, tr=20, precision=1, fallback=None, thresh=100.0, clip_num=None, clip_den=None,
        ref_num=None, ref_den=None, backend="cuda", batch_size=None, debug=False,
    )  # fmt: skip
    assert props_of(clip, "VSAlignMatch")[3:] == list(range(27))


def test_positional_calls_of_temporal() -> None:
    clip, ref = pair_in_time()
    shown = vs_align.temporal(
        clip, ref, clip, 1, 4, ref, 100.0, 24000, 1001, 24000, 1001, vs_align.Backend.CPU, None, False
    )
    assert props_of(shown, "VSAlignMatch")[3:] == list(range(27))
    assert props_of(shown, "VSAlignFallback") == [0] * 30


def test_frame_rates_as_its_readme_says() -> None:
    """Clip at 29.97 frames per second with every fourth film frame twice, ref at 23.976."""
    frames = moving_pictures(40, 64, 48, seed=5)
    clip = clip_of([frames[n * 4 // 5] for n in range(50)])
    ref = clip_of(frames)
    shown = vs_align.temporal(clip, ref, tr=2, clip_num=30000, clip_den=1001, ref_num=24000, ref_den=1001)
    found = props_of(shown, "VSAlignMatch")
    assert [int(number) * 4 // 5 for number in found] == list(range(40))  # type: ignore[call-overload]


def pair_in_space() -> tuple[vs.VideoNode, vs.VideoNode]:
    u, v = grid(160, 90)
    return rgb_clip_of([coloured(texture(u + 3, v + 1))]), rgb_clip_of([coloured(texture(u, v))])


def test_the_call_of_spatial_in_its_readme() -> None:
    clip, ref = pair_in_space()
    clip = vs_align.spatial(
        clip, ref, mask=None, precision=3, wide_search=False, lq_input=False, alpha=False, backend="cpu"
    )
    assert props_of(clip, "VSAlignShiftX")[0] == pytest.approx(-3, abs=0.1)
    assert props_of(clip, "VSAlignShiftY")[0] == pytest.approx(-1, abs=0.1)


def test_positional_calls_of_spatial() -> None:
    clip, ref = pair_in_space()
    nothing = ref.std.BlankClip(format=vs.GRAY8, keep=True)
    level = vs_align.SpatialPrecision.PERCENT_50
    shown = vs_align.spatial(clip, ref, nothing, level, True, True, True, vs_align.Backend.CPU)
    with shown.get_frame(0) as frame:
        assert float(frame.props["VSAlignShiftX"]) == pytest.approx(-3, abs=0.2)
        assert "_Alpha" in frame.props
