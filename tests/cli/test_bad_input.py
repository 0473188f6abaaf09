"""Every wrong input gets one clear line and a non-zero exit before anything is written."""

import os
from pathlib import Path

import pytest
import vapoursynth as vs

from tests.cli.calling import call
from tests.media.films import sound, write_film


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("film") / "film.mkv", range(60))


@pytest.fixture(scope="module")
def talkie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("talkie") / "talkie.mp4", range(60), wave=sound(2.4))


class Refusal:
    """Calls the command and checks that it refuses, in one line, and writes nothing."""

    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder, self.out, self._capfd = folder, folder / "out.mkv", capfd

    def __call__(self, clip: object, ref: object, *options: object, out: object = None) -> str:
        """Return the line with which the command refused."""
        before = sorted(self.folder.rglob("*"))
        code = call("temporal", clip, ref, "-o", out or self.out, *options)
        said = self._capfd.readouterr()
        assert code == 1
        assert said.out == ""
        lines = [line for line in said.err.splitlines() if not line.startswith(("reading ", "note: "))]
        assert len(lines) == 1, lines
        assert lines[0].startswith("error: ")
        assert sorted(self.folder.rglob("*")) == before
        return lines[0]


@pytest.fixture
def refusal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Refusal:
    return Refusal(tmp_path, capfd)


def test_missing_file(refusal: Refusal, film: Path) -> None:
    assert "nowhere.mkv does not exist." in refusal(refusal.folder / "nowhere.mkv", film)
    assert "nowhere.mkv does not exist." in refusal(film, refusal.folder / "nowhere.mkv")


def test_folder_as_video(refusal: Refusal, film: Path) -> None:
    assert "is a folder, not a video." in refusal(film, refusal.folder)


@pytest.mark.parametrize("name", ["notes.txt", "notes.mkv", "notes.mp4"])
def test_text_file_as_video(refusal: Refusal, film: Path, name: str) -> None:
    text = refusal.folder / name
    text.write_text("It was a dark and stormy night. " * 200)
    assert f"{name} is not a video" in refusal(film, text)


def test_empty_file(refusal: Refusal, film: Path) -> None:
    empty = refusal.folder / "empty.mkv"
    empty.touch()
    assert "empty.mkv is empty." in refusal(film, empty)


def test_sound_without_picture(refusal: Refusal, film: Path) -> None:
    import av

    path = refusal.folder / "sound.mka"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("flac", rate=48000, layout="mono")
        frame = av.AudioFrame(format="s16", layout="mono", samples=4096)
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert "sound.mka has no video stream." in refusal(path, film)


def cut_off(path: Path, folder: Path, share: float) -> Path:
    part = folder / f"cut{path.suffix}"
    data = path.read_bytes()
    part.write_bytes(data[: int(share * len(data))])
    return part


def test_truncated_mkv(refusal: Refusal, film: Path) -> None:
    said = refusal(film, cut_off(film, refusal.folder, 0.6))
    assert "cut.mkv is truncated: its header promises 2.4 s, 1." in said
    assert said.endswith("s can be read.")


def test_truncated_mp4_without_index(refusal: Refusal, film: Path, talkie: Path) -> None:
    said = refusal(film, cut_off(talkie, refusal.folder, 0.6))
    assert "cut.mp4 is truncated" in said


def test_truncated_mp4_with_index_in_front(refusal: Refusal, film: Path, talkie: Path) -> None:
    import subprocess

    from vs_align.media.ffmpeg import find_ffmpeg

    fast = refusal.folder / "fast.mp4"
    subprocess.run(
        [str(find_ffmpeg()), "-v", "error", "-i", str(talkie), "-c", "copy", "-movflags", "+faststart", str(fast)],
        check=True,
    )
    said = refusal(cut_off(fast, refusal.folder, 0.6), film)
    assert "cut.mp4 is truncated: its header promises 2.4 s, " in said


def test_no_sound_where_it_is_asked_for(refusal: Refusal, film: Path, talkie: Path) -> None:
    assert "--audio clip: film.mkv has no audio." in refusal(film, talkie, "--audio", "clip")
    assert "--audio ref: film.mkv has no audio." in refusal(talkie, film, "--audio", "ref")


def test_no_sound_by_default_is_a_note(tmp_path: Path, film: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert call("temporal", film, film, "-o", tmp_path / "out.mkv", "--preset", "ultrafast") == 0
    assert "note: film.mkv has no audio, so the result has none." in capfd.readouterr().err.splitlines()


def test_missing_plugin(refusal: Refusal, film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class BareCore:
        """A core without plugins."""

    monkeypatch.setattr(vs, "core", BareCore())
    said = refusal(film, film)
    assert "BestSource (core.bs)" in said
    assert "pip install vapoursynth-bestsource" in said


def test_output_folder_that_cannot_be_written(refusal: Refusal, film: Path) -> None:
    (refusal.folder / "file").touch()
    inside = refusal.folder / "file" / "deep" / "out.mkv"
    said = f"{inside} cannot be written: {refusal.folder / 'file'} is not a folder."
    assert said in refusal(film, film, out=inside)


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="uses /proc, where not even root may write")
def test_read_only_output_folder(refusal: Refusal, film: Path) -> None:
    assert "/proc/out.mkv cannot be written" in refusal(film, film, out="/proc/out.mkv")


@pytest.mark.parametrize("option", ["--timeline", "--json"])
def test_other_outputs_that_cannot_be_written(refusal: Refusal, film: Path, option: str) -> None:
    (refusal.folder / "file").touch()
    target = refusal.folder / "file" / "file.json"
    assert f"{target} cannot be written" in refusal(film, film, option, target)


def test_output_over_an_input(refusal: Refusal, talkie: Path) -> None:
    size = talkie.stat().st_size
    assert "is one of the inputs" in refusal(talkie, talkie, out=talkie)
    assert talkie.stat().st_size == size


def test_output_over_an_input_by_another_name(refusal: Refusal, film: Path) -> None:
    link = refusal.folder / "link.mkv"
    try:
        os.link(film, link)
    except OSError:
        link.symlink_to(film)
    assert "is one of the inputs" in refusal(film, film, out=link)


def test_output_without_a_known_extension(refusal: Refusal, film: Path) -> None:
    assert "out.xyz must end in one of .avi" in refusal(film, film, out=refusal.folder / "out.xyz")


def test_two_outputs_of_one_name(refusal: Refusal, film: Path) -> None:
    same = refusal.folder / "same.json"
    assert "is named for two of the files" in refusal(film, film, "--json", same, "--timeline", same)


def test_unknown_metric(refusal: Refusal, film: Path) -> None:
    assert "vs_align.temporal: metric must be one of 'planestats', " in refusal(film, film, "--metric", "psnr")


def test_plot_of_a_kind_that_cannot_be_drawn(refusal: Refusal, film: Path) -> None:
    said = refusal(film, film, "--plot", refusal.folder / "scores.txt")
    assert "--plot scores.txt: must end in .png, .svg or .pdf." in said


def test_unknown_encoder(refusal: Refusal, film: Path) -> None:
    assert "--codec nosuch: " in refusal(film, film, "--codec", "nosuch")


def test_broken_timeline(refusal: Refusal, film: Path) -> None:
    broken = refusal.folder / "broken.json"
    broken.write_text("{")
    assert "broken.json" in refusal(film, film, "--use-timeline", broken)


def test_timeline_of_other_files(refusal: Refusal, film: Path) -> None:
    from vs_align.timeline.timeline import Timeline

    other = refusal.folder / "other.json"
    Timeline.from_frame_map(range(60), clip_rate=25, ref_rate=25, clip_length=61).save(other)
    assert "it was made for a clip of 61 frames, film.mkv has 60." in refusal(film, film, "--use-timeline", other)


def test_usage_errors_have_exit_code_2(capfd: pytest.CaptureFixture[str]) -> None:
    assert call("temporal", "a.mkv", "b.mkv", "-o", "c.mkv", "--tr", "-3") == 2
    assert "--tr" in capfd.readouterr().err


def test_version(capfd: pytest.CaptureFixture[str]) -> None:
    from vs_align import __version__

    assert call("--version") == 0
    assert capfd.readouterr().out.strip() == f"vs-align {__version__}"
