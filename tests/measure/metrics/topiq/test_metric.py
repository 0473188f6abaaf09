"""TOPIQ: recorded scores, batches, devices and threads."""

import logging
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.measure.networks.cfanet_cases import picture, recorded
from vs_align.errors import AlignError, ArgumentError, MissingDependencyError

torch = pytest.importorskip("torch")
pytest.importorskip("timm")

from vs_align.measure.metrics.topiq import metric as topiq  # noqa: E402  (needs torch)
from vs_align.measure.metrics.topiq.pooling import pooled_in_one_pass  # noqa: E402
from vs_align.measure.networks.cfanet import gated_means  # noqa: E402

TOLERANCE = {"cpu": 1e-5, "cuda": 5e-3}


@pytest.fixture(scope="module")
def metric(cfanet_weights: Path) -> topiq.Topiq:
    return topiq.Topiq(cfanet_weights)


def noise(seed: int, height: int = 40, width: int = 53) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (3, height, width), np.uint8)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_recorded_scores(device: str, cfanet_weights: Path) -> None:
    pairs = recorded("scores.json")["pairs"]
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    metric = topiq.Topiq(cfanet_weights, device)
    features: dict[str, Any] = {}
    errors = {}
    for pair in pairs:
        crop = pair.get("crop_y_x_h_w")
        for name in (pair["dist"], pair["ref"]):
            if f"{name}{crop}" not in features:
                features[f"{name}{crop}"] = metric.prepare(picture(name, crop))
        score = metric.score(features[f"{pair['dist']}{crop}"], features[f"{pair['ref']}{crop}"])
        errors[pair["name"]] = abs(score - pair["vsalign_distance_f32"])
    assert len(errors) == 24
    assert max(errors.values()) < TOLERANCE[device], errors


@pytest.mark.parametrize("size", [(64, 11, 17, 3, 5), (256, 9, 8, 9, 8), (64, 12, 30, 4, 10), (512, 1, 1, 1, 1)])
def test_pooling_in_one_pass_is_pooling(size: tuple[int, ...]) -> None:
    channels, height, width, tall, wide = size
    generator = torch.Generator().manual_seed(1)
    gate = torch.nn.Sequential(
        torch.nn.Conv2d(channels, 64, 1), torch.nn.GELU(), torch.nn.Conv2d(64, 64, 3, padding=1), torch.nn.GELU(),
        torch.nn.Conv2d(64, 1, 3, padding=1), torch.nn.Sigmoid(),
    )  # fmt: skip
    x, y = torch.randn(2, 1, channels, height, width, generator=generator)
    with torch.inference_mode():
        wanted = gated_means(x, y, gate, (tall, wide))
        found = pooled_in_one_pass(x, y, gate, (tall, wide))
    assert found.shape == (1, tall * wide, 3 * channels)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def test_kinds_of_numbers(metric: topiq.Topiq) -> None:
    eight = noise(0)
    kinds = [eight, eight.astype(np.uint16) * np.uint16(257), eight.astype(np.float32) / np.float32(255)]
    first, *others = (metric.prepare(kind) for kind in kinds)
    for other in others:
        for a, b in zip(first.maps, other.maps, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    wild = kinds[2].copy()
    wild[:, :9] = [[[-3.0]], [[7.0]], [[np.nan]]]
    tame = kinds[2].copy()
    tame[:, :9] = [[[0.0]], [[1.0]], [[0.0]]]
    for a, b in zip(metric.prepare(wild).maps, metric.prepare(tame).maps, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (37, 2), (33, 65)])
def test_any_size(size: tuple[int, int], metric: topiq.Topiq) -> None:
    ref, other = (metric.prepare(noise(seed, *size)) for seed in (0, 1))
    scores = metric.scores([ref, other], ref)
    assert np.isfinite(scores).all()
    assert scores[0] != scores[1]
    assert metric.size(ref) == sum(part.numpy().nbytes for part in ref.maps)


def test_sizes_must_agree(metric: topiq.Topiq) -> None:
    with pytest.raises(ArgumentError, match=r"Topiq\.scores: candidates must have the shape \(40, 53\)"):
        metric.score(metric.prepare(noise(0, 40, 54)), metric.prepare(noise(0)))


def test_scores_are_those_of_pairs_whatever_the_limit(metric: topiq.Topiq) -> None:
    ref, *candidates = (metric.prepare(noise(seed)) for seed in range(5))
    alone = [metric.score(candidate, ref) for candidate in candidates]
    assert metric.scores(candidates, ref) == metric.scores(candidates, ref, limit=-1.0) == alone
    assert len(set(alone)) == len(alone)
    assert metric.scores([], ref) == []
    assert metric.bound(candidates[0], ref) <= min(alone)
    assert metric.rounding == 1e-6


def test_batches_as_on_cuda(cfanet_weights: Path, metric: topiq.Topiq, monkeypatch: pytest.MonkeyPatch) -> None:
    batched = topiq.Topiq(cfanet_weights, batch_size=3)
    monkeypatch.setattr(batched, "_workers", None)
    monkeypatch.setattr(batched._network, "_pooling", gated_means)
    ref, *candidates = (metric.prepare(noise(seed)) for seed in range(6))
    assert batched.scores(candidates, ref) == pytest.approx(metric.scores(candidates, ref), abs=5e-6)
    assert batched.scores(candidates[:1], ref) == pytest.approx(metric.scores(candidates[:1], ref), abs=5e-6)


def test_sixteen_bits_as_on_cuda(cfanet_weights: Path, metric: topiq.Topiq, monkeypatch: pytest.MonkeyPatch) -> None:
    half = topiq.Topiq(cfanet_weights)
    monkeypatch.setattr(half._network, "_pooling", gated_means)
    half._network.half()
    ref, *candidates = (noise(seed) for seed in range(4))
    exact = metric.scores([metric.prepare(pixels) for pixels in candidates], metric.prepare(ref))
    prepared = [half.prepare(pixels) for pixels in candidates]
    assert prepared[0].maps[0].dtype == torch.float16
    assert half.scores(prepared, half.prepare(ref)) == pytest.approx(exact, abs=TOLERANCE["cuda"])
    assert 2 * half.size(prepared[0]) == metric.size(metric.prepare(ref))


def test_many_threads_at_once(metric: topiq.Topiq) -> None:
    pictures = [noise(seed) for seed in range(6)]
    ref = metric.prepare(pictures[0])
    wanted = [metric.score(metric.prepare(pixels), ref) for pixels in pictures]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda pixels: metric.score(metric.prepare(pixels), ref), pictures * 4))
    assert found == wanted * 4


def test_threads_of_torch_stay_as_they_are(cfanet_weights: Path) -> None:
    before = torch.get_num_threads()
    workers = topiq.Topiq(cfanet_weights)._workers
    assert workers is not None
    in_workers = workers.map(lambda _: (threading.get_ident(), torch.get_num_threads()), range(50))
    assert {count for _, count in in_workers} == {1}
    assert 1 <= len({thread for thread, _ in in_workers}) <= before
    later: list[int] = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert [torch.get_num_threads(), *later] == [before, before]


def test_licence_is_said_once(
    cfanet_weights: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(topiq, "_warned", threading.Event())
    with caplog.at_level(logging.WARNING, "vs_align"):
        topiq.Topiq(cfanet_weights)
        topiq.Topiq(cfanet_weights)
    assert [record.getMessage().count("non-commercial") for record in caplog.records] == [1]


def test_what_cannot_be(cfanet_weights: Path, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="batch_size must be at least 1, got 0"):
        topiq.Topiq(cfanet_weights, batch_size=0)
    with pytest.raises(ArgumentError, match="half needs a CUDA device, got 'cpu'"):
        topiq.Topiq(cfanet_weights, half=True)
    with pytest.raises(AlignError, match=r"cfanet\.pth cannot run on 'nowhere'"):
        topiq.Topiq(cfanet_weights, "nowhere")
    other = tmp_path / "other.pth"
    for content in (b"", b"no weights"):
        other.write_bytes(content)
        with pytest.raises(AlignError, match=r"other\.pth cannot run"):
            topiq.Topiq(other)
    states: list[Any] = [{}, {"params": {}}, [1, 2]]
    for state in states:
        torch.save(state, other)
        with pytest.raises(AlignError, match=r"other\.pth cannot run"):
            topiq.Topiq(other)


def test_missing_timm(cfanet_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingDependencyError, match=r"needs the package timm; install it with"):
        topiq.Topiq(cfanet_weights)
