"""CFANet equals the published network with the same weights, layer by layer."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.measure.networks.cfanet_cases import digest_of, generated, picture, recorded, weight_file

torch = pytest.importorskip("torch")
pytest.importorskip("timm")

from vs_align.measure.networks import cfanet  # noqa: E402  (needs torch)

# between the orders of addition of two builds of torch
RELATIVE, ABSOLUTE = 2e-4, 2e-5


@pytest.fixture(scope="module")
def network(cfanet_weights: Path) -> Any:
    return cfanet.load_cfanet(cfanet_weights, cfanet.gated_means)


def tensor(pixels: Any) -> Any:
    return torch.from_numpy(pixels.astype(np.float32) / np.float32(255))[None]


@contextmanager
def watched(network: Any) -> Iterator[dict[str, Any]]:
    """Note what modules give while the network runs, under the names of the recorded file."""
    seen: dict[str, Any] = {}
    hooks = []

    def watch(module: Any, name: str) -> None:
        hooks.append(module.register_forward_hook(lambda _, given, made: seen.update({name: made})))

    for level in range(5):
        watch(network.weight_pool[level], f"level{level}/gate")
        watch(network.sa_attn_blks[level], f"level{level}/tokens_after_sa")
    for k in range(4):
        watch(network.attn_blks[k], f"cross{k}/query_out")
    watch(network.attn_pool, "attn_pool_out")
    hooks.append(
        network.score_linear.register_forward_hook(lambda _, given, made: seen.update(token_mean=given[0], score=made))
    )
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def test_state_dict_is_that_of_the_published_file(network: Any) -> None:
    entries = {entry["name"]: tuple(entry["shape"]) for entry in recorded("state_dict_keys.json")}
    assert len(entries) == 514
    assert {name: tuple(value.shape) for name, value in network.state_dict().items()} == entries
    assert digest_of(generated(entries)) == recorded("scores.json")["state_dict_sha256"]


def test_intermediate_results(network: Any) -> None:
    golden = recorded("intermediates_astro64_jpeg60.npz")
    x, y = (tensor(picture(f"astro64_{kind}.png")) for kind in ("jpeg60", "ref"))
    with torch.inference_mode(), watched(network) as seen:
        maps = {"dist": network.features(x), "ref": network.features(y)}
        embedding = network.embedding(2, 2)
        network.compare(maps["dist"], maps["ref"], embedding)
        for level in range(5):
            pooled = cfanet.gated_means(maps["dist"][level], maps["ref"][level], network.weight_pool[level], (2, 2))
            seen[f"level{level}/gated_pooled"] = pooled.transpose(1, 2)
            seen[f"level{level}/reduced"] = network._reduced(level, pooled).transpose(1, 2)
            seen |= {f"features_{kind}/level{level}": maps[kind][level] for kind in maps}
    seen["pos_emb_interpolated"] = embedding.transpose(1, 2)
    compared = 0
    for name, made in seen.items():
        wanted = golden[name]
        np.testing.assert_allclose(
            made.numpy().reshape(wanted.shape), wanted, rtol=RELATIVE, atol=ABSOLUTE, err_msg=name
        )
        compared += 1
    assert compared == 5 * 6 + 4 + 4  # six tensors a level; the blocks across levels; the last four


def test_order_matters_and_batches_do_not(network: Any) -> None:
    generator = torch.Generator().manual_seed(5)
    pictures = torch.rand(3, 3, 45, 71, generator=generator)
    with torch.inference_mode():
        maps = network.features(pictures)
        embedding = network.embedding(*maps[-1].shape[-2:])
        y = [level[:1] for level in maps]
        together = network.compare(maps, y, embedding)
        alone = [network.compare([level[i : i + 1] for level in maps], y, embedding) for i in range(3)]
        turned = network.compare(y, [level[1:2] for level in maps], embedding)
    assert together.tolist() == pytest.approx([float(one) for one in alone], abs=5e-6)
    assert abs(float(turned) - float(together[1])) > 1e-3


def test_a_prefix_is_taken_off_and_other_files_are_refused(network: Any, tmp_path: Path) -> None:
    prefixed = weight_file(tmp_path, prefix="module.")
    other = cfanet.load_cfanet(prefixed, cfanet.gated_means)
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in network.state_dict().items())
    prefixed.unlink()
    wrong = tmp_path / "wrong.pth"
    torch.save({"params": {"h_emb": torch.zeros(1)}}, wrong)
    with pytest.raises(RuntimeError, match="Missing key"):
        cfanet.load_cfanet(wrong, cfanet.gated_means)
    torch.save({"h_emb": torch.zeros(1)}, wrong)
    with pytest.raises(KeyError):
        cfanet.load_cfanet(wrong, cfanet.gated_means)
