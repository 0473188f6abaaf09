"""Reader and writer of chapter texts: ffmpeg's metadata format, OGM and Matroska XML."""

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from xml.etree.ElementTree import Element, ParseError, SubElement, fromstring, indent, tostring

from vs_align.timeline.time_map import clock_text

FORMATS = {".txt": "ogm", ".ogm": "ogm", ".xml": "matroska", ".ffmetadata": "ffmetadata", ".ini": "ffmetadata"}
"""Formats by the ending of the file."""

_OGM_TIME = re.compile(r"^\s*CHAPTER(\d+)\s*=\s*(\d+:\d+:\d+[.,:]\d+)\s*$", re.IGNORECASE)
_OGM_NAME = re.compile(r"^\s*CHAPTER(\d+)NAME\s*=(.*)$", re.IGNORECASE)
_CLOCK = re.compile(r"(\d+):(\d+):(\d+)(?:[.,:](\d+))?")
_SPECIAL = re.compile(r"([=;#\\\n])")


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter. Times in milliseconds."""

    start: int
    end: int | None
    """None if the file has none: then the chapter lasts until the next."""
    title: str
    language: str = "und"


def read_chapters(text: str) -> list[Chapter]:
    """Parse chapters from a text in any of the formats, sorted by their starts.

    Raises:
        ValueError: It is none of them or is damaged; the message is a rule such as "must ...".
    """
    stripped = text.lstrip("\ufeff \t\r\n")
    if stripped.startswith(";FFMETADATA"):
        found = _read_ffmetadata(stripped)
    elif stripped.startswith("<"):
        found = _read_matroska(stripped)
    elif any(_OGM_TIME.match(line) for line in stripped.splitlines()):
        found = _read_ogm(stripped)
    else:
        raise ValueError("must hold chapters as ffmpeg's metadata, OGM text or Matroska XML")
    return sorted(found, key=lambda chapter: chapter.start)


def chapter_text(chapters: list[Chapter], form: str) -> str:
    """Return chapters as text in a format, one of the values of `FORMATS`.

    Args:
        chapters: In rising order. For ffmpeg's metadata all must have an end.
        form: The format.
    """
    if form == "ogm":
        lines = []
        for i, chapter in enumerate(chapters, 1):
            lines.append(f"CHAPTER{i:02d}={clock_text(chapter.start)}")
            lines.append(f"CHAPTER{i:02d}NAME={' '.join(chapter.title.split())}")
        return "\n".join(lines) + "\n"
    if form == "ffmetadata":
        lines = [";FFMETADATA1"]
        for chapter in chapters:
            end = chapter.start if chapter.end is None else chapter.end
            lines += ["[CHAPTER]", "TIMEBASE=1/1000", f"START={chapter.start}", f"END={end}"]
            lines.append("title=" + _SPECIAL.sub(r"\\\1", chapter.title))
        return "\n".join(lines) + "\n"
    return _matroska_text(chapters)


def _read_ogm(text: str) -> list[Chapter]:
    starts: dict[int, int] = {}
    names: dict[int, str] = {}
    for line in text.splitlines():
        if time := _OGM_TIME.match(line):
            starts[int(time[1])] = _milliseconds(time[2])
        elif name := _OGM_NAME.match(line):
            names[int(name[1])] = name[2].strip()
    return [Chapter(start, None, names.get(number, "")) for number, start in starts.items()]


def _read_ffmetadata(text: str) -> list[Chapter]:
    chapters: list[Chapter] = []
    base, inside = Fraction(1, 10**9), False
    # A backslash escapes the next character, also a line break.
    for line in re.findall(r"(?:\\[\s\S]|[^\\\n])+", text.replace("\r\n", "\n")):
        if line.startswith("["):
            inside = line.strip() == "[CHAPTER]"
            if inside:
                chapters.append(Chapter(0, None, ""))
                base = Fraction(1, 10**9)
            continue
        parts = re.match(r"((?:\\[\s\S]|[^\\=])*)=([\s\S]*)", line)
        if not inside or parts is None or line[0] in ";#":
            continue
        key, value = (re.sub(r"\\([\s\S])", r"\1", part) for part in parts.groups())
        try:
            if key == "TIMEBASE":
                base = Fraction(value)
            elif key == "START":
                chapters[-1] = replace(chapters[-1], start=round(1000 * int(value) * base))
            elif key == "END":
                chapters[-1] = replace(chapters[-1], end=round(1000 * int(value) * base))
        except (ValueError, ZeroDivisionError):
            raise ValueError(f"must have whole numbers as times ({key}={value[:20]!r})") from None
        if key.lower() == "title":
            chapters[-1] = replace(chapters[-1], title=value)
    return chapters


def _read_matroska(text: str) -> list[Chapter]:
    try:
        # Expat limits the expansion of entities, and loads no external ones.
        root = fromstring(text)  # noqa: S314
    except ParseError as error:
        raise ValueError(f"must be XML ({error})") from None
    if root.tag != "Chapters":
        raise ValueError(f"must be an XML file of chapters (it holds {root.tag[:40]!r})")
    edition = root.find("EditionEntry")
    found = []
    for atom in [] if edition is None else edition.findall("ChapterAtom"):
        start, end = atom.findtext("ChapterTimeStart"), atom.findtext("ChapterTimeEnd")
        if start is None:
            raise ValueError("must have a ChapterTimeStart in each ChapterAtom")
        found.append(
            Chapter(
                _milliseconds(start),
                None if end is None else _milliseconds(end),
                atom.findtext("ChapterDisplay/ChapterString") or "",
                atom.findtext("ChapterDisplay/ChapterLanguage") or "und",
            )
        )
    return found


def _matroska_text(chapters: list[Chapter]) -> str:
    root = Element("Chapters")
    edition = SubElement(root, "EditionEntry")
    for chapter in chapters:
        atom = SubElement(edition, "ChapterAtom")
        SubElement(atom, "ChapterTimeStart").text = clock_text(chapter.start)
        if chapter.end is not None:
            SubElement(atom, "ChapterTimeEnd").text = clock_text(chapter.end)
        display = SubElement(atom, "ChapterDisplay")
        SubElement(display, "ChapterString").text = chapter.title
        SubElement(display, "ChapterLanguage").text = chapter.language
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _milliseconds(clock: str) -> int:
    parts = _CLOCK.fullmatch(clock.strip())
    if parts is None:
        raise ValueError(f"must have times such as 00:01:02.500 (it has {clock[:40]!r})")
    hours, minutes, seconds, fraction = parts.groups()
    digits = fraction or "0"
    whole = (int(hours) * 60 + int(minutes)) * 60 + int(seconds)
    return 1000 * whole + round(Fraction(int(digits) * 1000, 10 ** len(digits)))
