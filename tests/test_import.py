"""`import vs_align`, its public names, and what loads without VapourSynth."""

import subprocess
import sys
from pathlib import Path

import vs_align
from tests.folders import REPOSITORY

WITHOUT_VAPOURSYNTH = """
import sys


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "vapoursynth":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Absent())
import vs_align

timeline = vs_align.Timeline.load(sys.argv[1])
placement = vs_align.Placement.load(sys.argv[2])
print(timeline.to_json() == open(sys.argv[1]).read(), placement.to_json() == open(sys.argv[2]).read())
try:
    vs_align.Timeline.load(sys.argv[3])
except vs_align.ArgumentError as error:
    print(isinstance(error, vs_align.AlignError), isinstance(error, ValueError))
"""


def test_a_timeline_and_a_placement_load_without_vapoursynth(tmp_path: Path) -> None:
    timeline = vs_align.Timeline.from_frame_map([3, 4, 5, None], clip_rate="24000/1001", ref_rate=25, clip_length=10)
    zoomed = vs_align.Transform.from_parts((1920, 1080), (1280, 720), scale_x=1.03, scale_y=1.03)
    placement = vs_align.Placement((1920, 1080), (1280, 720), (vs_align.Scene(0, zoomed),))
    for value, name in ((timeline, "timeline.json"), (placement, "placement.json")):
        (tmp_path / name).write_text(value.to_json())
    files = [str(tmp_path / name) for name in ("timeline.json", "placement.json", "absent.json")]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_VAPOURSYNTH, *files], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["True", "True", "True", "True"], done.stderr


def test_each_name_of_the_stub_can_be_imported() -> None:
    names = dir(vs_align)
    assert {"overlay", "overlay_audio", "register", "spatial", "sync", "temporal", "Timeline", "Placement"} <= set(
        names
    )
    for name in names:
        assert getattr(vs_align, name) is not None
