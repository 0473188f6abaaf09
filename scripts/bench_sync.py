#!/usr/bin/env python3
"""How right and how fast is `sync` on films made of real footage, of which every frame's counterpart is known?

    python scripts/bench_sync.py [--quick] [--minutes 12] [--cases edit 'offset-*'] [--degradations dvd grain]
                                 [--engine auto] [--command 'vs-align sync {clip} {ref} --json -'] [--call]
                                 [--again] [--decode] [--long] [--shared ../shared] [--work DIR] [--json FILE]

The films are made once and kept in the folder given by --work (about 2 GB for films of 12 minutes). Each pair is
measured in a process of its own with an empty cache, or twice with --again, the second time from the cache. --call
uses the function instead of the command, --long adds two films of 170 000 frames.

Columns: share of ref frames that are right (the exact frame or an identical picture, none where clip has none; where
clip lacks up to three frames in a row, also the nearest); largest distance of a true boundary to the nearest found one,
in frames; boundaries that are none; error of the rate over the longest stretch in millionths: by the frame map, in
time, and by the segment that covers most of it; verdict, with "!" where it is unfair; seconds and times real time; peak
of resident memory.
"""

import argparse
import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from sync_cases import GROUPS, LOOKS, Case, Stage, build
from sync_scoring import Score, Truth, score

from vs_align.media.ffmpeg import file_url, find_ffmpeg
from vs_align.media.source import source_arguments

_REPOSITORY = Path(__file__).resolve().parents[1]
_UNRELATED = 3
_RIGHT = 0.99
_HEAD = (
    f"{'case':36}{'right':>8}{'bound':>6}{'extra':>6}{'ppm':>8}{'time':>8}{'said':>8} "
    f"{'verdict':12}{'s':>6}{'x':>6}{'MiB':>6}"
)


@dataclass(frozen=True, slots=True)
class Run:
    """What one process did."""

    code: int
    seconds: float
    peak_mib: float
    answer: dict[str, Any] | None
    complaint: str
    """Last line on stderr."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    case: str
    group: str
    related: bool | None
    score: Score
    code: int
    seconds: float
    speed: float | None
    """Seconds of the longer film per second."""
    peak_mib: float
    again_seconds: float | None
    decode_seconds: float | None
    complaint: str

    def line(self) -> str:
        """Text of the line."""
        found = self.score
        cells = f"{self.group + ' ' + self.case:36.36}{_cell(found.right, '.2%'):>8}{_cell(found.boundary, '.0f'):>6}"
        errors = found.frames_ppm, found.time_ppm, found.said_ppm
        cells += f"{_cell(found.extra, 'd'):>6}" + "".join(f"{_cell(ppm, '.1f'):>8}" for ppm in errors) + " "
        verdict = found.verdict + ("" if found.fair is not False else " !")
        cells += f"{verdict:12.12}{self.seconds:6.1f}{_cell(self.speed, '.0f'):>6}{self.peak_mib:6.0f}"
        cells += "" if self.again_seconds is None else f"  again {self.again_seconds:.2f} s"
        cells += "" if self.decode_seconds is None else f"  decoding {self.decode_seconds:.1f} s"
        return cells + (f"  exit {self.code}: {self.complaint}" if self.code not in (0, _UNRELATED) else "")


def _cell(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _share(values: Sequence[float], good: Callable[[float], bool]) -> str:
    return f"{sum(map(good, values))}/{len(values)}" if values else ""


def run(command: Sequence[str], cache: Path, timeout: float) -> Run:
    """Run a command that prints JSON, with a cache folder of its own, and measure it."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    paths = [str(_REPOSITORY), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    report = cache / "measured.json"
    watched = [sys.executable, str(Path(__file__).with_name("measured.py")), str(report), str(timeout), *command]
    done = subprocess.run(watched, stdin=subprocess.DEVNULL, capture_output=True, env=environment, check=False)
    text, words = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    if not report.exists():
        raise SystemExit(f"{shlex.join(command)} cannot be run: {words}")
    took = json.loads(report.read_text())
    try:
        answer = json.loads(text) if text.strip() else None
    except json.JSONDecodeError as error:
        answer, words = None, f"{words}\nno JSON: {error}"
    last = words.strip().splitlines()[-1] if words.strip() else ""
    return Run(took["code"], took["seconds"], took["peak_mib"], answer, last)


def call(clip: Path, ref: Path, engine: str | None) -> None:
    """Call the function on the nodes of two files, print what it returns, and exit as the command does."""
    import vapoursynth as vs

    import vs_align

    nodes = [vs.core.bs.VideoSource(**source_arguments(path)) for path in (clip, ref)]
    options = {} if engine is None else {"engine": engine}
    library: Any = vs_align
    timeline = library.sync(*nodes, **options)
    print(timeline.to_json())
    sys.exit(_UNRELATED if timeline.verdict == "unrelated" else 0)


def decode_seconds(paths: Sequence[Path]) -> float:
    """How long ffmpeg takes to decode files, one after the other."""
    began = time.perf_counter()
    for path in paths:
        subprocess.run([str(find_ffmpeg()), "-v", "error", "-i", file_url(path), "-f", "null", "-"], check=True)
    return time.perf_counter() - began


def chosen(stage: Stage, args: argparse.Namespace) -> Iterator[Case]:
    """Cases that were asked for by the name of a group or by a pattern of names."""
    for group, cases in GROUPS.items():
        # laying out two hours takes a while by itself
        if group == "long" and not (args.long or "long" in args.cases):
            continue
        everything = group in args.cases or (group == "long" and args.long) or not args.cases
        for case in cases(stage):
            if everything or any(fnmatch(case.name, pattern) for pattern in args.cases):
                yield case


def measure(case: Case, stage: Stage, args: argparse.Namespace) -> Row:
    """Make the files of a case, run the command on them, and judge what it says."""
    folder = build(case, stage)
    clip, ref = (next(path for path in folder.iterdir() if path.stem == side) for side in ("clip", "ref"))
    truth = Truth.from_json((folder / "truth.json").read_text())
    if args.call:
        command = [sys.executable, __file__, "--call-one", str(clip), str(ref)]
    else:
        command = [part.format(clip=clip, ref=ref) for part in shlex.split(args.command)]
    command += ["--engine", args.engine] if args.engine else []
    cache = Path(tempfile.mkdtemp(prefix="cache-", dir=stage.work))
    try:
        first = run(command, cache, args.timeout)
        again = run(command, cache, args.timeout) if args.again or case.group == "long" else None
    finally:
        shutil.rmtree(cache)
    sides = [side for side in (case.clip, case.ref) if side.film is not None]
    longest = max((float(len(side.moments) / side.rate) for side in sides), default=None)
    return Row(
        case=case.name,
        group=case.group,
        related=case.related,
        score=score(truth, first.answer, first.code == _UNRELATED),
        code=first.code,
        seconds=first.seconds,
        speed=None if longest is None else longest / first.seconds,
        peak_mib=first.peak_mib,
        again_seconds=None if again is None else again.seconds,
        decode_seconds=decode_seconds([clip, ref]) if args.decode else None,
        complaint=first.complaint,
    )


def summary(rows: Sequence[Row]) -> Iterator[str]:
    """Lines about each group and about all."""
    heads = (("cases", 6), (">= 99 %", 8), ("worst", 9), ("<= 1", 7), ("bound", 6), ("extra", 6), ("ppm", 8), ("s", 8))
    yield f"{'group':12}" + "".join(f"{head:>{width}}" for head, width in (*heads, ("MiB", 6)))
    for group in [*dict.fromkeys(row.group for row in rows), "all"]:
        members = [row for row in rows if group in (row.group, "all")]
        right = [row.score.right for row in members if row.score.right is not None]
        bounds = [row.score.boundary for row in members if row.score.boundary is not None]
        extra = [row.score.extra for row in members if row.score.extra is not None]
        ppm = [abs(row.score.frames_ppm) for row in members if row.score.frames_ppm is not None]
        cells = f"{group:12}{len(members):6}{_share(right, lambda share: share >= _RIGHT):>8}"
        cells += f"{_cell(min(right, default=None), '.2%'):>9}{_share(bounds, lambda frames: frames <= 1):>7}"
        cells += f"{_cell(max(bounds, default=None), '.0f'):>6}{sum(extra) if extra else '':>6}"
        cells += f"{_cell(max(ppm, default=None), '.1f'):>8}{sum(row.seconds for row in members):8.1f}"
        yield cells + f"{max(row.peak_mib for row in members):6.0f}"
    strangers = [row for row in rows if row.related is False]
    kin = [row for row in rows if row.related]
    refused = sum(row.score.fair is True for row in strangers)
    lost = [row.case for row in kin if not row.score.fair]
    yield f"unrelated refused: {refused} of {len(strangers)}"
    yield f"related refused: {len(lost)} of {len(kin)} {' '.join(lost)}"
    failed = [row.case for row in rows if row.code not in (0, _UNRELATED)]
    yield f"failed: {len(failed)} {' '.join(failed)}"
    speeds = [row.speed for row in rows if row.speed is not None and row.group not in ("short", "overlap")]
    if speeds:
        yield f"times real time: median {statistics.median(speeds):.0f}, least {min(speeds):.0f}"


def main() -> None:
    """Parse the command line, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=_REPOSITORY.parent / "shared", help="holds bench/ and clips/")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "bench_sync", help="kept files")
    parser.add_argument("--minutes", type=float, default=12.0, help="length of the films")
    parser.add_argument("--quick", action="store_true", help="films of a minute and a half")
    parser.add_argument("--cases", nargs="+", default=[], help=f"groups ({', '.join(GROUPS)}) or patterns of names")
    parser.add_argument("--degradations", nargs="+", choices=LOOKS, default=list(LOOKS))
    parser.add_argument("--command", default="vs-align sync {clip} {ref} --json -")
    parser.add_argument("--call", action="store_true", help="the function instead of the command")
    parser.add_argument("--engine")
    parser.add_argument("--again", action="store_true", help="run each pair twice")
    parser.add_argument("--decode", action="store_true", help="also time what ffmpeg takes to decode both files")
    parser.add_argument("--long", action="store_true", help="also two films of 170 000 frames")
    parser.add_argument("--timeout", type=float, default=1800.0, help="seconds for one pair")
    parser.add_argument("--list", action="store_true", help="name the cases")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--call-one", nargs=2, type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.call_one:
        call(args.call_one[0], args.call_one[1], args.engine)
        return
    stage = Stage(args.shared, args.work.resolve(), 1.5 if args.quick else args.minutes, tuple(args.degradations))
    cases = list(chosen(stage, args))
    if not cases:
        parser.error("no case has such a name; --list names them")
    if args.list:
        print("\n".join(f"{case.group:12} {case.name}" for case in cases))
        return
    print(_HEAD)
    rows = []
    for case in cases:
        rows.append(measure(case, stage, args))
        print(rows[-1].line(), flush=True)
    print("", *summary(rows), sep="\n")
    if args.json:
        args.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()
