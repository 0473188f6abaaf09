"""The pairs of files that `bench_overlay.py` measures."""

from fractions import Fraction

from overlay_footage import Case, Pace

_FILM = Fraction(24000, 1001)
_PAL = Fraction(25)
_LATE = Pace(first=41, last=-12)
_CROPPED = (0.14, 0.14, 0.7)
"""What a background shows of the world where the foreground shows more."""

_SHARED = (
    # those of the shared benchmark, with sound
    Case("same"),
    Case("late", bg=Pace(first=30), fg=_LATE),
    Case("drift", bg=Pace(step=1.03), sound="bg"),
    Case("slow", bg=Pace(step=0.96), fg=Pace(24, rate=_PAL, last=-12), sound="fg"),
    Case("zoom", (576, 378), (80, 36), (1 / 1.5, 1 / 1.5)),
    Case("small", (160, 90), (192, 90), (2.0, 2.0)),
    Case("dvd", (288, 188), (80, 36), (4 / 3, 4 / 3), bg=Pace(step=1.01), look="crushed"),
)
_PLACES = (
    Case("odd", (322, 202), (37, 51), sound="fg"),
    Case("fraction", at=(60.4, 43.7), sound="bg"),
    Case("scale-0.4", (160, 96), (101.3, 60.2), (2.5, 2.5), sound="none"),
    Case("scale-2.5", (900, 540), (120.5, 71.25), (0.4, 0.4), sound="bg"),
    Case("stretched", (320, 200), (140.5, 60.25), (1.25, 1.1)),
    Case("turned", at=(130, 70), turn=2.0),
    Case("outside", at=(-90, 75), bg_area=_CROPPED),
    Case("larger", (800, 450), (-84, -45), bg_area=_CROPPED, sound="bg"),
    Case("letterboxed-bg", at=(96, 70), bg_bars=45),
    Case("letterboxed-fg", (480, 300), (64.5, 24.0), fg_bars=36, sound="fg"),
    Case("scenes", at=(40, 30), then=(210.5, 96.0), sound="bg"),
)
_PACES = (
    Case("pal", fg=Pace(24, rate=_PAL, last=-12), sound="bg"),
    Case("25-in-24", fg=Pace(24, 0.96, _PAL, last=-12)),
    Case("30", bg=Pace(step=0.8, rate=Fraction(30)), sound="bg"),
    Case("24-on-30", fg=Pace(24, 0.8, Fraction(30), last=-12), sound="bg"),
    Case("23.976", bg=Pace(rate=_FILM), sound="bg"),
    Case("drops", fg=Pace(24, lost=((20, 1), (41, 2), (77, 1), (90, -1)), last=-12), sound="fg"),
    Case("bg-drops", bg=Pace(lost=((40, 1), (63, 1), (90, 2), (118, 1))), sound="bg"),
    Case("cut", bg=Pace(lost=((70, 14),)), fg=Pace(24, lost=((46, 14),), last=-8), sound="bg"),
    Case("longer", bg=Pace(first=36, last=-36), fg=Pace(), sound="fg"),
)
_LOOKS = (
    Case("graded", at=(61, 43), look="colour"),
    Case("grain", look="grain"),
    Case("logo", (400, 240), (214.5, 20), look="logo", sound="bg"),
    Case("monochrome", (300, 190), (100.25, 80.5), look="monochrome"),
)
GROUPS: dict[str, tuple[Case, ...]] = {"shared": _SHARED, "places": _PLACES, "paces": _PACES, "looks": _LOOKS}
QUICK = ("same", "fraction", "scale-0.4", "scenes", "25-in-24", "graded")
"""Cases of a first impression."""
ENGINE_CASES = ("same", "drift", "25-in-24", "cut", "graded")
"""What engines are compared on."""
PLACE_CASES = ("same", "fraction", "zoom", "small", "stretched", "turned", "graded")
"""What methods of placing are compared on."""
CASES: dict[str, Case] = {case.name: case for group in GROUPS.values() for case in group}
