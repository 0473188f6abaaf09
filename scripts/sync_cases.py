"""The pairs of films on which `bench_sync.py` measures: what each shows when, and which frames belong together."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from itertools import combinations
from pathlib import Path

import numpy as np
from sync_footage import BLACK, Film, Library, Piece, digest, looks, make_pieces, pictures, write_film, write_text
from sync_scoring import Truth, true_map

from vs_align.io.array_types import Int64Array

FILM_RATE = Fraction(24000, 1001)
PAL = Fraction(25)
LOOKS = ("grain", "colour", "monochrome", "crop", "logo", "crushed", "dvd", "letterboxed", "windowboxed", "misaligned")
_SIZE = (320, 180)


@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """A film as one side has it: which moment each frame shows, or a file as it is."""

    film: Film | None = None
    moments: Int64Array = field(default_factory=lambda: np.zeros(0, np.int64))
    rate: Fraction = FILM_RATE
    look: str = "identity"
    crf: int = 20
    file: Path | None = None

    @property
    def key(self) -> str:
        """Name of its file."""
        if self.film is None:
            return digest(self.file)
        return digest("version 1", self.film.key, digest(self.moments.tobytes()), self.rate, self.look, self.crf)


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """Two versions, and what is to be found out about them.

    Args:
        name: Name of its folder.
        group: What it is an example of.
        clip: What is laid onto ref.
        ref: What is kept.
        rate: Clip frames per ref frame within a stretch.
        related: Whether they have anything in common; None where nobody can expect to be told.
    """

    name: str
    group: str
    clip: Version
    ref: Version
    rate: float = 1.0
    related: bool | None = True


@dataclass(frozen=True)
class Stage:
    """Where cases are made.

    Args:
        shared: Folder that holds bench/ and clips/.
        work: Folder for files, which are kept from run to run.
        minutes: Length of the films.
        looks: Degradations to measure.
        seed: Another seed gives other films and other places for cuts.
        size: Width and height of the pictures.
    """

    shared: Path
    work: Path
    minutes: float = 12.0
    looks: tuple[str, ...] = LOOKS
    seed: int = 5
    size: tuple[int, int] = _SIZE

    @cached_property
    def library(self) -> Library:
        """The sources, a little larger than the pictures, so that a window of them is still sharp."""
        return Library(self.shared / "clips", (self.size[0] * 3 // 2, self.size[1] * 3 // 2), self.work)

    @property
    def length(self) -> int:
        """Frames of the film."""
        return round(self.minutes * 60 * FILM_RATE)

    def seconds(self, seconds: float) -> int:
        """Frames that last so long."""
        return round(seconds * FILM_RATE)

    @cached_property
    def film(self) -> Film:
        """The film, and behind it what is shown in between and in front of it."""
        spare = self.seconds(min(75, 25 * self.minutes))
        return Film(self.library, make_pieces(self.library, self.length + spare, self.seed), self.size)

    @cached_property
    def all(self) -> Int64Array:
        """Every moment of the film once."""
        return np.arange(self.length)

    def spare(self, seconds: float, skipped: float = 0.0) -> Int64Array:
        """Moments that are not part of the film."""
        first = self.length + self.seconds(skipped)
        assert first + self.seconds(seconds) <= len(self.film)
        return np.arange(first, first + self.seconds(seconds))

    def rng(self, name: str) -> np.random.Generator:
        """Chance that depends on a name only."""
        return np.random.default_rng((self.seed, int(digest(name), 16) % 2**32))

    def version(
        self, moments: Int64Array, rate: Fraction = FILM_RATE, look: str = "identity", crf: int = 20
    ) -> Version:
        """These moments of the film."""
        return Version(self.film, np.asarray(moments, np.int64), rate, look, crf)

    @cached_property
    def ref(self) -> Version:
        """The whole film."""
        return self.version(self.all, crf=18)

    def pieces(self, seconds: float) -> "Stage":
        """Likewise with a short film: its own pieces, so that all cases of a group have one reference."""
        return Stage(self.shared, self.work, min(self.minutes, seconds / 60), self.looks, self.seed + 1, self.size)


def constant(stage: Stage) -> Iterator[Case]:
    """Nothing but another start."""
    yield Case("same", "offset", stage.version(stage.all, crf=23), stage.ref)
    for seconds in (3, 37):
        skipped = stage.seconds(seconds)
        late, early = stage.version(stage.all[skipped:], crf=18), stage.version(stage.all, crf=23)
        yield Case(f"offset-{seconds}s-before", "offset", early, late)
        yield Case(f"offset-{seconds}s-after", "offset", late, stage.version(stage.all, crf=22))
    far = min(600.0, 50 * stage.minutes)
    late = stage.version(stage.all[stage.seconds(far) :], crf=18)
    yield Case(f"offset-{far:.0f}s-before", "offset", stage.version(stage.all, crf=23), late)


def rates(stage: Stage) -> Iterator[Case]:
    """Other rates: the same frames in another time, or the same time in other frames."""
    film, speed = stage.all, Fraction(1001, 1000)
    yield Case("pal-speed", "rate", stage.version(film, PAL, crf=23), stage.ref)
    yield Case("pal-speed-offset", "rate", stage.version(film[stage.seconds(11) :], PAL, crf=23), stage.ref)
    yield Case("film-as-24", "rate", stage.version(film, FILM_RATE * speed, crf=23), stage.ref)
    repeated = np.arange(len(film) * 25 // 24) * 24 // 25
    yield Case("24-to-25-repeats", "rate", stage.version(repeated, FILM_RATE * Fraction(25, 24)), stage.ref, 25 / 24)
    telecine = np.arange(len(film) * 5 // 4) * 4 // 5
    yield Case("telecine-repeats", "rate", stage.version(telecine, FILM_RATE * Fraction(5, 4)), stage.ref, 1.25)
    # below three minutes 150 ppm are less than a frame
    for ppm in (150,) if stage.minutes >= 5 else (150, 1500):
        drift = Fraction(1_000_000 + ppm, 1_000_000)
        moments = np.rint(np.arange(round(len(film) / drift)) * float(drift)).astype(np.int64)
        moments = moments[moments < len(film)]
        yield Case(f"drift-{ppm}ppm-frames", "rate", stage.version(moments), stage.ref, float(1 / drift))
        yield Case(f"drift-{ppm}ppm-rate", "rate", stage.version(film, FILM_RATE * drift, crf=23), stage.ref)


def without(film: Int64Array, count: int, longest: float, rng: np.random.Generator, stage: Stage) -> Int64Array:
    """The film without some stretches of 5 s, or less in a short film, to `longest`; each in a part of its own."""
    kept = np.ones(len(film), bool)
    for k in range(count):
        low, high = (len(film) * (k + share) // count for share in (0.15, 0.95))
        length = min(stage.seconds(rng.uniform(min(5.0, 0.6 * longest), longest)), int(high - low) - stage.seconds(1))
        first = int(rng.integers(int(low), int(high) - length))
        kept[first : first + length] = False
    return film[kept]


def edits(stage: Stage) -> Iterator[Case]:
    """Cuts, inserts, lost and repeated frames, black."""
    film, half = stage.all, stage.length // 2 + 17
    longest = min(40.0, 8 * stage.minutes)
    minute = min(60.0, 20 * stage.minutes)
    advert, other = stage.spare(minute), stage.spare(min(15.0, minute / 2))
    cut = without(film, 3, longest, stage.rng("cuts"), stage)
    yield Case("three-cuts", "edit", stage.version(cut, crf=23), stage.ref)
    yield Case("three-cuts-in-ref", "edit", stage.version(film, crf=23), stage.version(cut, crf=18))
    longer = np.concatenate([film[:half], advert, film[half:]])
    yield Case("minute-in-ref", "edit", stage.version(film, crf=23), stage.version(longer, crf=18))
    yield Case("minute-in-clip", "edit", stage.version(longer, crf=23), stage.ref)
    replaced = np.concatenate([film[:half], other, film[half + len(other) :]])
    yield Case("replaced", "edit", stage.version(replaced, crf=23), stage.ref)
    chance = stage.rng("drops").random((2, len(film)))
    dropped, repeated = film[chance[0] >= 0.02], np.repeat(film, 1 + (chance[1] < 0.02))
    yield Case("drops", "edit", stage.version(dropped, crf=23), stage.ref)
    yield Case("drops-in-ref", "edit", stage.version(film, crf=23), stage.version(dropped, crf=18))
    yield Case("repeats", "edit", stage.version(repeated, crf=23), stage.ref)
    both = np.repeat(film, 1 + (chance[1] < 0.02))[stage.rng("both").random(len(repeated)) >= 0.02]
    yield Case("drops-and-repeats", "edit", stage.version(both, crf=23), stage.ref)
    black = {seconds: np.full(stage.seconds(seconds), BLACK) for seconds in (0.8, 1.5, 2.0, 5.0)}
    led = [stage.version(np.concatenate([black[lead], film]), crf=22) for lead in (2.0, 5.0)]
    yield Case("black-leader", "edit", led[0], led[1])
    thirds = [film[: len(film) // 3], film[len(film) // 3 : 2 * len(film) // 3], film[2 * len(film) // 3 :]]
    more = np.concatenate([thirds[0], black[1.5], thirds[1], black[2.0], thirds[2]])
    less = np.concatenate([thirds[0], black[0.8], thirds[1], black[2.0], thirds[2], black[1.5]])
    yield Case("black-between", "edit", stage.version(more, crf=23), stage.version(less, crf=18))


def degraded(stage: Stage) -> Iterator[Case]:
    """Another picture."""
    short = stage.pieces(120)
    skipped = short.all[short.seconds(4) :]
    for look in stage.looks:
        yield Case(f"look-{look}", "picture", short.version(skipped, look=look, crf=21), short.ref)
    yield Case("look-dvd-in-ref", "picture", short.version(skipped, crf=21), short.version(short.all, look="dvd"))


def combined(stage: Stage) -> Iterator[Case]:
    """Everything at once."""
    part = stage.pieces(240)
    rng = part.rng("combined")
    cut = without(part.all[part.seconds(6) :], 3, min(20.0, 6 * part.minutes), rng, part)
    dropped = cut[rng.random(len(cut)) >= 0.02]
    yield Case("cuts-and-worn", "combination", part.version(cut, look="worn", crf=22), part.ref)
    yield Case("cuts-drops-worn", "combination", part.version(dropped, look="worn", crf=22), part.ref)
    yield Case("pal-cuts-dvd", "combination", part.version(cut, PAL, "dvd", 22), part.ref)
    late = part.version(part.all[part.seconds(20) :], look="logo", crf=18)
    yield Case("offset-drops-dvd-logo", "combination", part.version(dropped, look="dvd", crf=22), late)


def short(stage: Stage) -> Iterator[Case]:
    """Very little to go by."""
    film, one = stage.all, stage.all[100:101]
    yield Case("one-frame-each", "short", stage.version(one, crf=23), stage.version(one, crf=18), related=None)
    ten = film[: stage.seconds(10)]
    yield Case("one-frame-in-ten-seconds", "short", stage.version(one), stage.version(ten, crf=18), related=None)
    three = film[stage.seconds(4) : stage.seconds(7)]
    yield Case("three-seconds", "short", stage.version(three[12:], crf=23), stage.version(three[:-9], crf=18))
    yield Case("three-of-ten-seconds", "short", stage.version(three, crf=23), stage.version(ten, crf=18))
    yield Case("ten-seconds", "short", stage.version(ten[72:], crf=23), stage.version(ten, crf=18))
    yield Case("ten-seconds-worn", "short", stage.version(ten[72:], look="worn"), stage.version(ten, crf=18))


def overlaps(stage: Stage) -> Iterator[Case]:
    """The sources themselves with another start, and with 60 frames in common."""
    library = stage.library
    for k, name in enumerate(library.names):
        film = Film(library, [Piece(library.firsts[k], library.counts[k])], library.size)
        whole, rate = np.arange(len(film)), library.rates[k]
        begin, middle = Version(film, whole[31:], rate, crf=23), (len(film) + 60) // 2
        yield Case(f"{name}-start", "overlap", begin, Version(film, whole, rate, crf=18))
        first, second = whole[:middle], whole[middle - 60 :]
        yield Case(f"{name}-60", "overlap", Version(film, first, rate, crf=23), Version(film, second, rate, crf=18))


def unrelated(stage: Stage) -> Iterator[Case]:
    """Nothing in common."""
    names, files = stage.library.names, stage.library.files
    for a, b in combinations(range(len(names)), 2):
        pair = Version(file=files[a]), Version(file=files[b])
        yield Case(f"{names[a]}-{names[b]}", "unrelated", pair[0], pair[1], related=False)
        if stage.minutes >= 5:
            yield Case(f"{names[b]}-{names[a]}", "unrelated", pair[1], pair[0], related=False)
    for k, (one, other) in enumerate(((names[::2], names[1::2]), (names[:3], names[3:]))):
        sides = []
        for seed, group, share in ((100 + k, one, 1.0), (200 + k, other, 0.8)):
            length = round(min(5.0, stage.minutes) * share * 60 * FILM_RATE)
            film = Film(stage.library, make_pieces(stage.library, length, seed, group), stage.size)
            sides.append(Version(film, np.arange(length)))
        yield Case(f"films-{k + 1}", "unrelated", sides[0], sides[1], related=False)


def long(stage: Stage) -> Iterator[Case]:
    """Two hours of tiny pictures."""
    two_hours = Stage(stage.shared, stage.work, 170_000 / (60 * float(FILM_RATE)), stage.looks, stage.seed, (64, 36))
    cut = without(two_hours.all[two_hours.seconds(37) :], 3, 40.0, two_hours.rng("long"), two_hours)
    yield Case("two-hours", "long", two_hours.version(cut, look="colour", crf=23), two_hours.ref)


GROUPS: dict[str, Callable[[Stage], Iterator[Case]]] = {
    "offset": constant,
    "rate": rates,
    "edit": edits,
    "picture": degraded,
    "combination": combined,
    "short": short,
    "overlap": overlaps,
    "unrelated": unrelated,
    "long": long,
}


def truth_of(case: Case, work: Path) -> Truth:
    """Which frames belong together."""
    clip, ref = case.clip, case.ref
    if clip.film is None or ref.film is None or clip.film is not ref.film:
        nothing = np.zeros(0, np.int64)
        return Truth(clip.rate, ref.rate, case.rate, nothing, nothing, nothing, related=False)
    groups = clip.film.groups(work)
    seen, wanted = (np.where(side.moments == BLACK, BLACK, groups[side.moments]) for side in (clip, ref))
    pairs = true_map(clip.moments, ref.moments, groups)
    return Truth(clip.rate, ref.rate, case.rate, pairs, seen, wanted, case.related)


def build(case: Case, stage: Stage) -> Path:
    """Write the files of a case where they are not there yet; return its folder: clip, ref and truth.json."""
    folder = stage.work / "cases" / f"{case.group}-{case.name}-{digest(case.clip.key, case.ref.key, case.rate)[:8]}"
    folder.mkdir(parents=True, exist_ok=True)
    for name, version in (("clip", case.clip), ("ref", case.ref)):
        made = version.file or _film_file(version, stage)
        target = folder / f"{name}{made.suffix}"
        if not target.exists():
            os.symlink(os.path.relpath(made, folder), target)
    truth = folder / "truth.json"
    if not truth.exists():
        write_text(truth, truth_of(case, stage.work).to_json())
    return folder


def _film_file(version: Version, stage: Stage) -> Path:
    path = stage.work / "films" / f"{version.key}.mp4"
    if not path.exists():
        assert version.film is not None
        look = None if version.look == "identity" else looks(stage.shared)[version.look]
        shown = pictures(version.film, version.moments, look, int(version.key, 16) % 2**32)
        write_film(path, shown, version.film.size, version.rate, version.crf)
    return path
