#!/usr/bin/env python3
"""How well, how fast and with how much memory does `vs-align overlay` put one video on another?

    python scripts/bench_overlay.py CLIP... [--quick] [--cases drift 'scale-*'] [--typed] [--command '...']
                                    [--engines] [--places] [--unrelated] [--speed] [--memory]
                                    [--shared ../shared] [--work DIR] [--json FILE]

Each pair of files is made of real footage, once, and kept under --work. The output is judged by its pictures and its
sound alone. Columns: frames found and wanted; share of frames that show the right moment, both inside the window and
outside of it; dB inside and outside, with --typed against what the true numbers give, typed in; distance of the
farthest corner from its place in pixels, as the pictures show it, and error of the size; by how many milliseconds
sound is late at the beginning, in the middle and at the end; seconds with an empty cache; exit code.

--engines and --places print tables for README instead, --unrelated what happens to files that have nothing in common,
--speed the time of 60 s of 720p against ffmpeg with the right numbers typed in, --memory the peak of the whole tree of
processes for films of 30 s and 10 min.
"""

import argparse
import json
import shlex
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
from overlay_cases import CASES, ENGINE_CASES, GROUPS, PLACE_CASES, QUICK
from overlay_footage import WORLD, Case, Scene
from overlay_load import measure_memory, measure_speed
from overlay_scoring import Score, score
from process_tree import Run, run
from sync_footage import Library, digest, looks, write_text

_REPOSITORY = Path(__file__).resolve().parents[1]
_COMMAND = f"{shlex.quote(sys.executable)} -m vs_align overlay {{bg}} {{fg}} -o {{out}}"
_ENGINES = ("auto", "fast", "precise", "mask", "border", "tunnel_full", "tunnel_mask", "keyframes", "audio", "duration")
_PLACES = ("auto", "template", "feature", "ecc", "phase", "center")
_UNRELATED = 3
_HEAD = (
    f"{'clip':15}{'case':16}{'frames':>9}{'right':>8}{'inside':>8}{'outside':>9}{'typed in':>14}{'px':>7}{'size':>8}"
    f"{'sound ms':>18}{'s':>7}"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    clip: str
    case: str
    score: Score
    typed: Score | None
    run: Run

    def line(self) -> str:
        """Text of the line."""
        found, best = self.score, self.typed
        typed = "" if best is None else f"{_cell(best.inside_db, '.1f')} {_cell(best.outside_db, '.1f')}"
        text = f"{self.clip:15.14}{self.case:16.15}{f'{found.frames}/{found.wanted}':>9}{_cell(found.right, '.1%'):>8}"
        text += f"{_cell(found.inside_db, '.2f'):>8}{_cell(found.outside_db, '.2f'):>9}{typed:>14}"
        text += f"{_cell(found.place, '.3f'):>7}{_cell(found.scale, '.3%'):>8}"
        text += f"{' '.join(_cell(ms, '.0f') or '-' for ms in found.sound_ms):>18}{self.run.seconds:>7.1f}"
        text += f"  {found.fault}" if found.fault else ""
        return text + (f"  exit {self.run.code}: {self.run.said}" if self.run.code else "")


class Stage:
    """Footage, and where files are kept."""

    def __init__(self, clips: Sequence[Path], shared: Path, work: Path, moments: int) -> None:
        self.work, self.moments = work, moments
        # a library is a folder of videos
        folder = work / f"clips-{digest(*map(str, clips))}"
        folder.mkdir(parents=True, exist_ok=True)
        for clip in clips:
            link = folder / clip.name
            if not link.exists():
                link.symlink_to(clip.resolve())
        self.library = Library(folder, WORLD, work)
        self.looks = looks(shared)

    def scenes(self, names: Sequence[str]) -> Iterator[tuple[str, Scene]]:
        """Every case over every clip."""
        for source, clip in enumerate(self.library.names):
            for name in names:
                yield clip, Scene(CASES[name], self.library, source, self.moments, self.looks)

    @contextmanager
    def empty_cache(self) -> Iterator[dict[str, str]]:
        """Variables for a run that has no cache yet; the folder is gone afterwards."""
        folder = Path(tempfile.mkdtemp(prefix="cache-", dir=self.work))
        try:
            yield {"XDG_CACHE_HOME": str(folder), "PYTHONPATH": str(_REPOSITORY)}
        finally:
            shutil.rmtree(folder)


def measure(clip: str, scene: Scene, stage: Stage, command: str, extra: Sequence[str] = (), typed: bool = False) -> Row:
    """Make the files of a case, run the command on them, and judge what comes out."""
    bg, fg = scene.write(stage.work)
    with tempfile.TemporaryDirectory(dir=stage.work) as name, stage.empty_cache() as variables:
        out = Path(name) / "out.mp4"
        words = [part.format(bg=bg, fg=fg, out=out) for part in shlex.split(command)]
        done = run([*words, *extra], environment=variables, folder=Path(name))
        found = score(out, scene)
    return Row(clip, scene.case.name, found, typed_score(scene, stage.work) if typed else None, done)


def typed_score(scene: Scene, work: Path) -> Score:
    """Judge what the right numbers give; kept in a file."""
    bg, fg = scene.write(work)
    kept = bg.with_name("typed-2.json")
    if not kept.exists():
        target = bg.with_name("typed.mp4")
        scene.typed(bg, fg, target)
        write_text(kept, json.dumps(asdict(score(target, scene))))
        target.unlink()
    return Score(**json.loads(kept.read_text()))


def chosen(args: argparse.Namespace) -> list[str]:
    """Names of the cases that were asked for."""
    if args.quick and not args.cases:
        return list(QUICK)
    groups = {group: [case.name for case in cases] for group, cases in GROUPS.items()}
    wanted = [name for part in args.cases for name in groups.get(part, [part])]
    return [name for name in CASES if not wanted or any(fnmatch(name, pattern) for pattern in wanted)]


def summary(rows: Sequence[Row]) -> Iterator[str]:
    """Lines about all."""
    good = [row for row in rows if row.score.usable and not row.run.code]
    yield f"usable: {len(good)} of {len(rows)}"
    right = [row.score.right or 0.0 for row in rows]
    yield f"right frames: mean {np.mean(right):.2%}, worst {min(right):.2%}"
    for name, text in (("inside_db", "inside"), ("outside_db", "outside")):
        pairs = [(getattr(row.score, name), getattr(row.typed, name, None)) for row in rows]
        values = [value for value, _ in pairs if value is not None]
        lost = [best - value for value, best in pairs if value is not None and best is not None]
        if values:
            tail = f", {np.mean(lost):.2f} below typed in, at most {max(lost):.2f}" if lost else ""
            yield f"{text}: mean {np.mean(values):.1f} dB{tail}"
    places = [row.score.place for row in rows if row.score.place is not None]
    sizes = [row.score.scale for row in rows if row.score.scale is not None]
    if places and sizes:
        yield f"place: median {statistics.median(places):.3f} px, worst {max(places):.3f}; size: worst {max(sizes):.3%}"
    lates = [abs(ms) for row in rows for ms in row.score.sound_ms if ms is not None]
    if lates:
        yield f"sound: median {statistics.median(lates):.0f} ms, worst {max(lates):.0f} ms"
    yield f"seconds: median {statistics.median(row.run.seconds for row in rows):.1f}"


def table(stage: Stage, args: argparse.Namespace, option: str, values: Sequence[str], names: Sequence[str]) -> None:
    """Print a table in Markdown, one line for each value of an option."""
    print(f"| `{option}` | right frames, mean and worst | inside | outside | px, median and worst | usable | seconds |")
    print("|---|---|---|---|---|---|---|")
    for value in values:
        rows = [
            measure(clip, scene, stage, args.command, (option, value, "--force")) for clip, scene in stage.scenes(names)
        ]
        right = [row.score.right or 0.0 for row in rows]
        places = [row.score.place for row in rows if row.score.place is not None]
        px = f"{statistics.median(places):.2f}, {max(places):.2f}" if places else ""
        inside, outside = (
            _cell(_mean([getattr(row.score, part) for row in rows]), ".1f") for part in ("inside_db", "outside_db")
        )
        usable = sum(row.score.usable and not row.run.code for row in rows)
        seconds = statistics.median(row.run.seconds for row in rows)
        print(
            f"| `{value}` | {np.mean(right):.1%}, {min(right):.1%} | {inside} dB | {outside} dB | {px} "
            f"| {usable} of {len(rows)} | {seconds:.1f} |",
            flush=True,
        )


def unrelated(stage: Stage, args: argparse.Namespace) -> bool:
    """Lay each clip on the next, and say whether all were refused, and written with --force."""
    count, good = len(stage.library.names), True
    for source in range(count):
        first, second = (
            Scene(Case("same", sound="none"), stage.library, (source + k) % count, stage.moments, stage.looks)
            for k in (0, 1)
        )
        bg, fg = first.write(stage.work)[0], second.write(stage.work)[1]
        for extra, code in ((), _UNRELATED), (("--force",), 0):
            with tempfile.TemporaryDirectory(dir=stage.work) as name, stage.empty_cache() as variables:
                out = Path(name) / "out.mp4"
                words = [part.format(bg=bg, fg=fg, out=out) for part in shlex.split(args.command)]
                done = run([*words, *extra], environment=variables, folder=Path(name))
                fair = done.code == code and out.exists() == (code == 0)
            good &= fair
            names = f"{stage.library.names[source]} under {stage.library.names[(source + 1) % count]}"
            print(f"{names:40}{' '.join(extra):8} exit {done.code} {'' if fair else '!'} {done.said}", flush=True)
    return good


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _cell(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def accuracy(stage: Stage, args: argparse.Namespace, names: Sequence[str]) -> list[Row]:
    """Measure cases, and print a line about each and some about all."""
    print(_HEAD)
    rows = []
    for clip, scene in stage.scenes(names):
        rows.append(measure(clip, scene, stage, args.command, typed=args.typed))
        print(rows[-1].line(), flush=True)
    print("", *summary(rows), sep="\n")
    return rows


def command_line() -> argparse.ArgumentParser:
    """What can be asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", type=Path, help="real footage; by default that of the shared folder")
    parser.add_argument("--shared", type=Path, default=_REPOSITORY.parent / "shared", help="holds bench/ and clips/")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "bench_overlay", help="kept files")
    parser.add_argument("--frames", type=int, default=168, help="moments of each clip")
    parser.add_argument("--cases", nargs="+", default=[], help=f"groups ({', '.join(GROUPS)}) or patterns of names")
    parser.add_argument("--quick", action="store_true", help="a few cases")
    parser.add_argument("--typed", action="store_true", help="also what typed-in numbers give")
    parser.add_argument("--command", default=_COMMAND, help="a command with {bg}, {fg} and {out}")
    for name in ("engines", "places", "unrelated", "speed", "memory", "list"):
        parser.add_argument(f"--{name}", action="store_true")
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the longer film of --memory")
    parser.add_argument("--json", type=Path)
    return parser


def main() -> None:
    """Parse the command line, measure, and print."""
    parser = command_line()
    args = parser.parse_args()
    names = chosen(args)
    if not names:
        parser.error("no case has such a name; --list names them")
    if args.list:
        print("\n".join(f"{group:8} {case.name}" for group, cases in GROUPS.items() for case in cases))
        return
    clips = args.clips or sorted(p for p in (args.shared / "clips").iterdir() if p.suffix in {".mkv", ".mp4"})
    stage = Stage(clips, args.shared, args.work.resolve(), args.frames)
    results: dict[str, object] = {}
    if args.engines:
        table(stage, args, "--engine", _ENGINES, ENGINE_CASES)
    if args.places:
        table(stage, args, "--place", _PLACES, PLACE_CASES)
    if args.unrelated:
        results["unrelated"] = unrelated(stage, args)
    if args.speed:
        results["speed"] = measure_speed(stage.library, stage.work, args.command, stage.empty_cache)
    if args.memory:
        results["memory"] = measure_memory(stage.library, stage.work, args.command, stage.empty_cache, args.minutes)
    if not (args.engines or args.places or results):
        results["rows"] = [asdict(row) for row in accuracy(stage, args, names)]
    if args.json:
        write_text(args.json, json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
