"""`vs-align models` lists, gets and checks weights."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.calling import call
from vs_align.measure.networks import download, weights

CONTENT = b"weights of a very small network"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache; both models are replaced by the same little file."""
    for name, model in list(weights.MODELS.items()):
        little = replace(model, sha256=hashlib.sha256(CONTENT).hexdigest(), size=len(CONTENT))
        monkeypatch.setitem(weights.MODELS, name, little)
    monkeypatch.delenv("VS_ALIGN_MODELS", raising=False)
    monkeypatch.setattr(weights, "cache_folder", lambda: tmp_path / "models")
    return tmp_path / "models"


def offer(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    fetched: list[str] = []

    def fetch(model: weights.Model, progress: download.DownloadProgress | None = None) -> Path:
        fetched.append(model.name)
        assert progress is not None
        assert model.size is not None
        progress.update(model.size)
        folder = weights.cache_folder()
        folder.mkdir(exist_ok=True)
        path = folder / model.file
        path.write_bytes(CONTENT)
        return path

    monkeypatch.setattr(download, "fetch", fetch)
    return fetched


def test_list_shows_every_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("models", "list", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == list(weights.MODELS)
    assert all(row["path"] is None and row["licence"] for row in rows)
    assert call("models", "list") == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in weights.MODELS)
    assert "not on this machine" in shown


def test_get_downloads_what_is_not_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fetched = offer(monkeypatch)
    assert call("models", "get", "rife") == 0
    assert capsys.readouterr().out.splitlines() == [str(folder / "flownet_v4.14.pkl")]
    assert call("models", "get") == 0
    assert fetched == list(weights.MODELS)
    assert capsys.readouterr().out.splitlines() == [str(folder / model.file) for model in weights.MODELS.values()]
    assert call("models", "list", "--json") == 0
    assert all(Path(row["path"]).is_file() for row in json.loads(capsys.readouterr().out))


def test_verify_tells_right_from_wrong(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("models", "verify") == 0
    assert capsys.readouterr().out == ""
    assert call("models", "verify", "rife") == 1
    offer(monkeypatch)
    assert call("models", "get") == 0
    capsys.readouterr()
    assert call("models", "verify") == 0
    assert capsys.readouterr().out.count("as published") == len(weights.MODELS)
    (folder / "xfeat.pt").write_bytes(CONTENT + b"!")
    assert call("models", "verify") == 1
    assert "is not xfeat.pt as published" in capsys.readouterr().err
    assert call("models", "get", "xfeat") == 1
    assert (folder / "xfeat.pt").read_bytes() == CONTENT + b"!"


def test_a_size_that_is_not_published(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(weights.MODELS, "topiq", replace(weights.MODELS["topiq"], size=None))
    assert call("models", "list", "--json") == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["topiq"]["megabytes"] is None
    assert call("models", "list") == 0
    assert "None" not in capsys.readouterr().out

    def fetch(model: weights.Model, progress: download.DownloadProgress | None = None) -> Path:
        assert progress is not None
        progress.total = 0  # what pooch says where the server does not
        progress.total = len(CONTENT)
        progress.update(len(CONTENT))
        progress.reset()
        assert progress.total == len(CONTENT)
        return folder / model.file

    monkeypatch.setattr(download, "fetch", fetch)
    assert call("models", "get", "topiq") == 0
    said = capsys.readouterr().err
    assert "size not published" in said
    assert "non-commercial" in said


def test_unknown_name_is_refused_before_anything_is_done(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fetched = offer(monkeypatch)
    assert call("models", "get", "rife", "alexnet") == 1
    assert "must be one of rife, xfeat" in capsys.readouterr().err
    assert not fetched
