"""`vs-align doctor` finds what is there, and says how to mend what is not."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import vapoursynth as vs
from typer.testing import CliRunner, Result

from vs_align.cli import show_versions
from vs_align.cli.app import app
from vs_align.errors import MissingDependencyError
from vs_align.io.install_advice import install_command
from vs_align.media.ffmpeg import find_ffmpeg
from vs_align.media.vspipe import find_vspipe


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["doctor", *arguments], env={"COLUMNS": "200"})


def findings(*arguments: str) -> tuple[dict[str, Any], int]:
    """Return what the doctor says of each thing, and its exit code."""
    result = run("--json", *arguments)
    report = json.loads(result.stdout)
    assert report["ok"] is (result.exit_code == 0)
    return {finding["name"]: finding for finding in report["findings"]}, result.exit_code


class WithoutPlugins:
    """VapourSynth's core, but blind to some plugins."""

    def __init__(self, *hidden: str) -> None:
        self.hidden, self.core = hidden, vs.core

    def __getattr__(self, name: str) -> Any:
        if name in self.hidden:
            raise AttributeError(name)
        return getattr(self.core, name)


def test_all_is_well_here() -> None:
    found, code = findings()
    assert code == 0
    assert found["Python"]["found"].startswith(".".join(map(str, sys.version_info[:3])))
    assert f"R{vs.__version__.release_major}" in found["VapourSynth"]["found"]
    assert str(find_vspipe()) in found["vspipe"]["found"]
    for name in ("VapourSynth", "vspipe", "plugin: bs", "ffmpeg", "ffmpeg: libx264", "cache folder"):
        assert found[name]["state"] == "ok", found[name]
        assert not found[name]["mend"]


def test_everything_that_is_not_ok_can_be_mended() -> None:
    found, _ = findings()
    assert all(finding["mend"] for finding in found.values() if finding["state"] != "ok")
    assert all("\n" not in finding["mend"] for finding in found.values())
    assert not any("pip install vship" in finding["mend"] for finding in found.values())


def test_mkv_is_reported_as_vspipe_itself_says() -> None:
    said = subprocess.run([str(find_vspipe()), "--help"], capture_output=True, text=True, check=False)
    found, _ = findings()
    assert found["vspipe: mkv"]["state"] == ("ok" if "/mkv>" in said.stdout + said.stderr else "optional")


def test_table_names_each_thing_and_its_state() -> None:
    result = run()
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert any(line.startswith("plugin: bs") and " ok " in line for line in lines)
    assert lines[-1] == "Everything needed is there."


def test_missing_plugin_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vs, "core", WithoutPlugins("bs", "akarin"))
    found, code = findings()
    assert code == 1
    assert found["plugin: bs"]["state"] == "missing"
    assert found["plugin: bs"]["mend"] == install_command("vapoursynth-bestsource")
    assert found["plugin: akarin"]["state"] == "optional"
    table = run()
    assert table.exit_code == 1
    assert f"plugin: bs: {install_command('vapoursynth-bestsource')}" in table.stdout.splitlines()
    assert table.stdout.splitlines()[-1] == "1 needed but missing."


def test_missing_optional_plugin_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vs, "core", WithoutPlugins("akarin", "vszip"))
    found, code = findings()
    assert code == 0
    assert found["plugin: akarin"]["mend"] == install_command("vapoursynth-akarin")
    assert found["plugin: vszip"]["mend"] == install_command("vapoursynth-vszip")


def test_missing_ffmpeg_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise MissingDependencyError("ffmpeg is missing")

    monkeypatch.setattr(show_versions, "find_ffmpeg", nowhere)
    found, code = findings()
    assert code == 1
    assert found["ffmpeg"]["state"] == "missing"
    assert "pip install" in found["ffmpeg"]["mend"]
    assert "ffmpeg: libx264" not in found


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("5.1.9-0+deb12u1", "AAC 21 ms"),
        ("6.0-static", "tested: 5.1, 6.0, 7.0, 9.0"),
        ("7.1.1", "this version is not among those tested: 5.1, 6.0, 7.0, 9.0"),
        ("N-123-gabc", "a build without a number"),
    ],
)
def test_version_of_ffmpeg_and_its_limits_are_told(monkeypatch: pytest.MonkeyPatch, version: str, said: str) -> None:
    monkeypatch.setattr(show_versions, "ffmpeg_version", lambda path: version)
    found, _ = findings()
    assert found["ffmpeg"]["found"].startswith(f"{version} at ")
    limits = found["ffmpeg: limits"]["found"]
    assert said in limits
    assert ("21 ms" in limits) == version.startswith("5.1")


def test_ffmpeg_that_the_variable_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import imageio_ffmpeg

    try:
        for named, state, said in (
            ("bundled", "ok", imageio_ffmpeg.get_ffmpeg_exe()),
            (imageio_ffmpeg.get_ffmpeg_exe(), "ok", "which VS_ALIGN_FFMPEG names"),
            (str(tmp_path / "none"), "missing", "VS_ALIGN_FFMPEG must name a program or be bundled, got "),
            (sys.executable, "missing", "is no ffmpeg"),
        ):
            monkeypatch.setenv("VS_ALIGN_FFMPEG", named)
            find_ffmpeg.cache_clear()
            found, _ = findings()
            assert found["ffmpeg"]["state"] == state
            assert said in found["ffmpeg"]["found"]
    finally:
        find_ffmpeg.cache_clear()


def test_broken_ffmpeg_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(show_versions, "find_ffmpeg", lambda: tmp_path / "ffmpeg")
    found, code = findings()
    assert (code, found["ffmpeg"]["state"]) == (1, "missing")


def test_missing_vspipe_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise MissingDependencyError("vspipe is missing")

    monkeypatch.setattr(show_versions, "find_vspipe", nowhere)
    found, code = findings()
    assert (code, found["vspipe"]["state"]) == (1, "missing")
    assert "-m vapoursynth config" in found["vspipe"]["mend"]


def test_old_vapoursynth_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(show_versions, "OLDEST_VAPOURSYNTH", vs.__version__.release_major + 1)
    found, code = findings()
    assert (code, found["VapourSynth"]["state"]) == (1, "missing")


def test_absent_pytorch_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(show_versions, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "torch", None)
    found, code = findings()
    assert code == 0
    assert found["PyTorch"]["state"] == found["CUDA"]["state"] == "optional"


def test_models_are_found_where_the_variable_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VS_ALIGN_MODELS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "xfeat.pt").write_bytes(b"x" * 2_000_000)
    found, code = findings()
    assert code == 0
    assert found["model: xfeat.pt"]["found"] == f"2.0 MB in {tmp_path}"
    assert found["model: flownet_v4.14.pkl"]["state"] == "optional"
    monkeypatch.setenv("VS_ALIGN_MODELS", str(tmp_path / "nowhere"))
    assert "is not a folder" in findings()[0]["VS_ALIGN_MODELS"]["found"]


def test_cache_folder_that_cannot_be_written_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setattr(show_versions, "cache_home", lambda: file / "cache")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(file / "numba"))
    found, code = findings()
    assert (code, found["cache folder"]["state"]) == (0, "optional")
    assert found["numba cache"]["state"] == "optional"


def test_size_of_the_cache_is_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "one").write_bytes(b"1" * 1_500_000)
    (tmp_path / "deep" / "er" / "two").write_bytes(b"2" * 1_000_000)
    monkeypatch.setattr(show_versions, "cache_home", lambda: tmp_path)
    assert findings()[0]["cache folder"]["found"].startswith("2.5 MB")


def test_metrics_are_listed_with_what_they_need(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(vs, "core", WithoutPlugins("julek", "vship"))
    monkeypatch.setenv("VS_ALIGN_MODELS", str(tmp_path))
    found, _ = findings()
    for name in ("planestats", "butteraugli", "butteraugli:3norm", "structure"):
        assert found[f"metric: {name}"]["state"] == "ok"
    assert found["metric: butteraugli:julek"]["state"] == "optional"
    assert "julek" in found["metric: butteraugli:julek"]["mend"]
