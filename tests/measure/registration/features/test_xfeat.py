"""XFeat: the network and its features against golden vectors, and known transforms."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from tests.folders import SHARED
from tests.measure.registration.scenes import errors, pair, scene, shifted, turned
from vs_align.errors import AlignError
from vs_align.io.array_types import Float64Array, UInt8Array
from vs_align.measure.images.preprocessing import as_float32
from vs_align.measure.registration.features.feature_search import register_by_features

torch = pytest.importorskip("torch", reason="XFeat needs torch")
pytest.importorskip("kornia", reason="XFeat needs kornia")

if TYPE_CHECKING:
    from vs_align.measure.registration.features.xfeat import XFeatDetector

SIZE = (320, 180)


@pytest.fixture(scope="module")
def weights() -> Path:
    folder = Path(os.environ.get("VS_ALIGN_MODELS") or SHARED / "weights")
    path = folder / "xfeat.pt"
    if not path.is_file():
        pytest.skip("no xfeat.pt in VS_ALIGN_MODELS or in shared/weights beside the repository")
    return path


@pytest.fixture(scope="module")
def detector(weights: Path) -> "XFeatDetector":
    from vs_align.measure.registration.features.xfeat import XFeatDetector

    return XFeatDetector(weights)


@pytest.fixture(scope="module")
def goldens() -> Path:
    folder = SHARED / "goldens" / "models"
    if not folder.is_dir():
        pytest.skip("no folder shared/goldens/models beside the repository")
    return folder


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """The pictures are small, and threads would wait for each other longer than they work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def batch(picture: UInt8Array) -> Any:
    return torch.from_numpy(picture.astype(np.float32) / 255).permute(2, 0, 1)[None]


def test_the_network_gives_the_golden_maps(detector: "XFeatDetector", goldens: Path) -> None:
    picture = batch(np.load(goldens / "blocks_128x192.npz")["clip"])
    golden = np.load(goldens / "xfeat_net_128x192.npz")
    with torch.inference_mode():
        features, logits, reliability = (out[0].numpy() for out in detector.network.net(picture))
    np.testing.assert_allclose(features, golden["feats"], atol=1.5e-4)
    np.testing.assert_allclose(logits, golden["kpt_logits"], atol=1.2e-4)
    np.testing.assert_allclose(reliability, golden["reliability"], atol=1e-4)


@pytest.mark.parametrize("side", ["clip", "ref"])
def test_points_scores_and_descriptors_are_the_golden_ones(detector: "XFeatDetector", goldens: Path, side: str) -> None:
    golden = np.load(goldens / "xfeat_pair_360x480.npz")
    picture = batch(golden[side])
    if side == "ref":
        picture = torch.nn.functional.pad(picture, (4, 4, 4, 4), mode="replicate")
    ratio = np.array([picture.shape[3] / 704, picture.shape[2] / 480])
    resized = torch.nn.functional.interpolate(picture, (480, 704), mode="bilinear", align_corners=False)
    with torch.inference_mode():
        found = detector.network.detectAndCompute(resized, top_k=3000)[0]
    places = {tuple(place): i for i, place in enumerate(found["keypoints"].numpy().round().astype(int).tolist())}
    wanted = [tuple(place) for place in (golden[f"{side}_keypoints"] / ratio).round().astype(int).tolist()]
    known = [i for i, place in enumerate(wanted) if place in places]
    assert len(wanted) == 3000 and len(known) > 0.99 * len(wanted)
    rows = [places[wanted[i]] for i in known]
    np.testing.assert_allclose(found["scores"].numpy()[rows], golden[f"{side}_scores"][known], atol=1e-4)
    first = [i for i in known if i < 400]
    rows = [places[wanted[i]] for i in first]
    descriptors = golden[f"{side}_descriptors_first400"][first]
    np.testing.assert_allclose(found["descriptors"].numpy()[rows], descriptors, atol=1e-4)


def test_the_golden_pair_is_registered(detector: "XFeatDetector", goldens: Path) -> None:
    golden = np.load(goldens / "xfeat_pair_360x480.npz")
    clip, ref = ((golden[side].astype(np.float32) / 255).mean(axis=2) for side in ("clip", "ref"))
    truth = np.linalg.inv(golden["known_homography"])
    found = register_by_features(clip, ref, detector=detector)
    assert found.found and found.method.startswith("xfeat ")
    assert errors(found.matrix, truth / truth[2, 2], (480, 360), (480, 360)).mean() < 0.3


@pytest.mark.parametrize("placement", [shifted(40, -20), turned(8, 0.8), turned(0, 1.3, 1.1)])
def test_a_known_transform_comes_back(detector: "XFeatDetector", placement: Float64Array) -> None:
    clip, ref, truth = pair(1, placement)
    found = register_by_features(clip, ref, detector=detector)
    assert found.found, found.reason
    assert errors(found.matrix, truth, SIZE, SIZE).mean() < 0.1


def test_points_lie_where_the_pixels_are(detector: "XFeatDetector") -> None:
    # What is no multiple of 32 is resized for the network: its points must come back without a bias.
    picture = scene(3)[:192, :320]
    plain = detector.detect(picture).points
    enlarged = as_float32(cv2.resize(picture, (350, 220), interpolation=cv2.INTER_CUBIC))
    points = (detector.detect(enlarged).points + 0.5) * (np.array([320, 192]) / np.array([350, 220])) - 0.5
    offsets = plain[:, None] - points[None]
    distances = np.linalg.norm(offsets, axis=-1)
    nearest, close = distances.argmin(axis=1), distances.min(axis=1) < 1
    assert close.sum() > 100
    assert np.abs(offsets[np.arange(len(plain)), nearest][close].mean(axis=0)).max() < 0.05


def test_excluded_areas_and_tiny_pictures_have_no_features(detector: "XFeatDetector") -> None:
    picture = scene(3)[:180, :320]
    excluded = np.zeros(picture.shape, bool)
    excluded[:, :160] = True
    assert detector.detect(picture).points[:, 0].min() < 100
    assert detector.detect(picture, excluded).points[:, 0].min() > 155
    assert len(detector.detect(picture[:5, :7]).points) == 0
    assert len(detector.detect(np.zeros((40, 50), np.float32)).points) == 0


def test_a_wrong_file_is_refused(tmp_path: Path) -> None:
    from vs_align.measure.registration.features.xfeat import XFeatDetector

    path = tmp_path / "xfeat.pt"
    torch.save({"some.weight": torch.zeros(3)}, path)
    with pytest.raises(AlignError, match="does not fit XFeat"):
        XFeatDetector(path)
