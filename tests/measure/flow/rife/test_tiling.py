"""Tiles cover the image; the network gives equal results in tiles and with both directions batched."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor

from tests.measure.flow.rife.cases import pictures, weights_file
from vs_align.io.array_types import Float32Array
from vs_align.measure.flow.rife import network as rife_network
from vs_align.measure.flow.rife import tiling as rife_tiles
from vs_align.measure.flow.rife.engine import RifeEngine, RifeOptions
from vs_align.measure.flow.rife.network import FlowNetwork, Scales
from vs_align.measure.flow.rife.tiling import Part, Tile, memory_budget, plan_tiles, run_tiled
from vs_align.measure.networks.ifnet import IFNet, load_ifnet

ROUNDING = 3e-4
"""Pixels by which flows in tiles may differ: what another order of sums changes, enlarged block by block."""
COARSE: Scales = (16, 8, 4, 2)
MEDIUM: Scales = (8, 4, 2, 1)
FINE: Scales = (4, 2, 1, 0.5)


@pytest.fixture(scope="module")
def network() -> IFNet:
    return load_ifnet(weights_file())


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many tiles each step of the network was done in."""
    counts: list[int] = []

    def noted(size: tuple[int, int], most: int | None, reach: int, multiple: int) -> list[Tile]:
        tiles = plan_tiles(size, most, reach, multiple)
        counts.append(len(tiles))
        return tiles

    monkeypatch.setattr(rife_network, "plan_tiles", noted)
    return counts


def seen(network: FlowNetwork, height: int, width: int, room: int | None = None) -> tuple[Tensor, Tensor]:
    clip, ref, _ = pictures(height, width, shift=(3.0, -2.0), bend=1)
    a, b = (network.with_features(torch.from_numpy(p.transpose(2, 0, 1).copy())[None], room) for p in (clip, ref))
    return a, b


def nearly_equal(field: Float32Array, wanted: Float32Array) -> None:
    """OpenCV fetches pixels at whole 32nds: the least change puts a few of them on the next one."""
    difference = np.abs(field - wanted)
    assert np.percentile(difference, 99.5) < ROUNDING
    assert difference.max() < 0.01


def length(part: slice) -> int:
    return int(part.stop - part.start)


@pytest.mark.parametrize("size", [(1, 1), (1, 999), (31, 33), (257, 191), (541, 961), (2160, 400)])
@pytest.mark.parametrize(("reach", "multiple"), [(7, 1), (8, 4), (22, 4), (44, 4), (88, 8), (352, 32)])
def test_tiles_make_up_the_picture(size: tuple[int, int], reach: int, multiple: int) -> None:
    height, width = size
    raised = -(-reach // multiple) * multiple
    smallest = max(4 * raised, 3 * multiple)
    for most in (1, 5_000, smallest**2, 2 * smallest**2, 1_000_000, height * width - 1):
        tiles = plan_tiles(size, most, reach, multiple)
        times = np.zeros(size, np.uint8)
        for tile in tiles:
            times[tile.kept] += 1
            for kept, seen, side in zip(tile.kept, tile.seen, size, strict=True):
                assert seen.start == 0 or (kept.start - seen.start >= reach and seen.start % multiple == 0)
                assert seen.stop == side or (seen.stop - kept.stop >= reach and seen.stop % multiple == 0)
                assert 0 <= seen.start <= kept.start < kept.stop <= seen.stop <= side
            looked_at = length(tile.seen[0]) * length(tile.seen[1])
            assert looked_at <= max(most, smallest**2)
        assert (times == 1).all()


def test_one_tile_where_it_fits() -> None:
    whole = (slice(0, 33), slice(0, 77))
    for most in (33 * 77, 10**9, None):
        assert plan_tiles((33, 77), most, 8, 4) == [Tile(whole, whole)]
    assert len(plan_tiles((33, 77), 33 * 77 - 1, 8, 4)) > 1


def test_tiles_are_few_and_work_is_bounded() -> None:
    """A picture of 4K at the finest scale: a twentieth of it at a time costs less than a third more work."""
    size = (2160, 3840)
    tiles = plan_tiles(size, size[0] * size[1] // 20, 22, 4)
    assert 20 < len(tiles) < 30
    assert sum(length(t.seen[0]) * length(t.seen[1]) for t in tiles) < 4 / 3 * size[0] * size[1]
    in_need = plan_tiles(size, 1, 22, 4)
    assert sum(length(t.seen[0]) * length(t.seen[1]) for t in in_need) < 4.2 * size[0] * size[1]


def test_what_tiles_keep_is_put_together() -> None:
    picture = torch.arange(2 * 3 * 45 * 67, dtype=torch.float32).view(2, 3, 45, 67)
    tiles = plan_tiles((45, 67), 900, 5, 4)
    assert len(tiles) > 3

    def spoilt_at_the_edge(part: Part) -> Tensor:
        out = picture[(..., *part)].clone()
        for axis, (side, end) in enumerate(zip(part, (45, 67), strict=True), 2):
            if side.start:
                out.narrow(axis, 0, 5).fill_(-1)
            if side.stop < end:
                out.narrow(axis, out.shape[axis] - 5, 5).fill_(-1)
        return out

    assert torch.equal(run_tiled(spoilt_at_the_edge, tiles), picture)


@pytest.mark.parametrize(
    ("scales", "size"), [(COARSE, (64, 2944)), (MEDIUM, (192, 256)), (MEDIUM, (768, 32)), (FINE, (192, 256))]
)
@pytest.mark.parametrize("together", [False, True])
def test_same_flows_in_tiles(
    network: IFNet, scales: Scales, size: tuple[int, int], together: bool, plans: list[int]
) -> None:
    fast = FlowNetwork(network, scales, "cpu", half=False)
    whole = fast.flows(*seen(fast, *size))
    assert plans == [1] * 6
    plans.clear()
    tiled = fast.flows(*seen(fast, *size, room=1), together, room=1)
    assert plans[-1] > 1
    assert min(plans) > 1 or max(size) < 1000
    assert whole.abs().max() > 2
    assert (tiled - whole).abs().max() < ROUNDING


def test_less_reach_would_show(network: IFNet, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above notices tiles that see too little, and so would a viewer: there are seams."""
    whole = FlowNetwork(network, FINE, "cpu", half=False)
    monkeypatch.setattr(rife_network, "_REACH", 4)
    tiled = FlowNetwork(network, FINE, "cpu", half=False)
    pair = seen(whole, 192, 256)
    assert (tiled.flows(*pair, room=1) - whole.flows(*pair)).abs().max() > 50 * ROUNDING


@pytest.mark.parametrize("scales", [COARSE, MEDIUM, FINE])
def test_both_directions_at_once(network: IFNet, scales: Scales) -> None:
    fast = FlowNetwork(network, scales, "cpu", half=False)
    clip, ref = seen(fast, 128, 192)
    batch = fast.with_features(torch.cat([clip[:, :3], ref[:, :3]]))
    assert batch.shape == (2, 11, 128, 192)
    assert (batch - torch.cat([clip, ref])).abs().max() < 1e-5
    alone, together = fast.flows(clip, ref), fast.flows(clip, ref, together=True)
    assert alone.abs().max() > 2
    assert (alone - together).abs().max() < 1e-5


@pytest.mark.parametrize("precision", [2, 4])
def test_engine_works_in_tiles_where_memory_is_short(
    precision: int, plans: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    clip, ref, _ = pictures(190, 254, shift=(2.6, -1.7), bend=1.5)
    engine = RifeEngine(weights_file(), RifeOptions(precision), "cpu")
    plain = engine.field(clip, ref, np.eye(3), None)
    assert set(plans) == {1}
    monkeypatch.setattr(rife_tiles, "_free_bytes", lambda device: 190 * 254 * 200)
    assert np.array_equal(engine.field(clip, ref, np.eye(3), None), plain)  # little is always there
    plans.clear()
    monkeypatch.setattr(rife_tiles, "_MIN_BYTES", 1 << 20)
    tiled = engine.field(clip, ref, np.eye(3), None)
    assert max(plans) > 1
    nearly_equal(tiled, plain)


def test_engine_asks_both_directions_at_once_where_that_suits(monkeypatch: pytest.MonkeyPatch) -> None:
    clip, ref, _ = pictures(94, 126, shift=(2.0, 1.0))
    engine = RifeEngine(weights_file(), RifeOptions(4), "cpu")
    plain = engine.field(clip, ref, np.eye(3), None)
    monkeypatch.setattr(engine, "_batched", True)
    nearly_equal(engine.field(clip, ref, np.eye(3), None), plain)


def test_room_is_a_share_of_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    monkeypatch.setattr(rife_tiles, "_free_bytes", lambda device: 10 << 30)
    assert memory_budget(cpu, 0) == 4 << 30
    assert 0 < memory_budget(cpu, 8_000_000) < memory_budget(cpu, 2_000_000) < 4 << 30
    assert memory_budget(cpu, 10**9) == rife_tiles._MIN_BYTES


def test_free_memory_is_known_on_every_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cpu = torch.device("cpu")
    free = rife_tiles._free_bytes(cpu)
    assert 1 << 26 < free < 1 << 46
    table = tmp_path / "meminfo"
    monkeypatch.setattr(rife_tiles, "_MEMORY_TABLE", table)
    table.write_text("MemTotal:       900 kB\nMemAvailable:     123 kB\n")
    assert rife_tiles._free_bytes(cpu) == 123 * 1024
    table.unlink()
    assert 1 << 26 < rife_tiles._free_bytes(cpu) < 1 << 46
    monkeypatch.setattr(os, "sysconf_names", {}, raising=False)
    assert rife_tiles._free_bytes(cpu) == rife_tiles._ASSUMED_BYTES
