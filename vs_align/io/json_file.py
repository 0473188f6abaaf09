"""JSON files that people edit: safe writing, and reading with errors that name the place."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vs_align.errors import ArgumentError, MediaError
from vs_align.io.atomic_files import reason_of, save_bytes

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError


@dataclass(frozen=True)
class Source:
    """Where a text comes from, for messages.

    Args:
        function: Function that reads it, such as "Placement.load".
        kind: What the text should be, such as "placement".
        place: What follows a key in messages, such as " in 'file.json'".
    """

    function: str
    kind: str
    place: str = ""

    def error(self, key: str, rule: str, given: object = None) -> ArgumentError:
        """An error about a key."""
        return ArgumentError(self.function, key + self.place, rule, given)

    def passed_on(self, error: ArgumentError, prefix: str = "") -> ArgumentError:
        """The same error in the words of the file: its key and place instead of a field."""
        return self.error(prefix + error.argument, rule_of(error))


def rule_of(error: ArgumentError) -> str:
    """The rule that was broken and the value that broke it, without function and argument."""
    return str(error).removeprefix(f"vs_align.{error.function}: {error.argument} ").removesuffix(".")


def note_text(function: str, key: str, value: Any) -> str:
    """Text of a note at the top level, indented for its place.

    Raises:
        ArgumentError: It is no JSON value.
    """
    try:
        return text_of(_finite(value), indent=2).replace("\n", "\n  ")
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentError(function, f"notes[{key!r}]", "must be a JSON value", error) from None


def text_of(value: Any, indent: int | None = None) -> str:
    """JSON of a value, with letters as they are where UTF-8 has them."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair has no UTF-8 form
        return json.dumps(value, indent=indent)
    return text


def _finite(value: Any) -> Any:
    """Copy of a JSON value with None for numbers that JSON cannot hold."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_finite(item) for item in value]
    return value


def save_text(function: str, text: str, path: str | os.PathLike[str]) -> None:
    """Write a file beside its place and move it there, so that no reader ever meets half of it.

    Raises:
        MediaError: It cannot be written.
    """
    try:
        save_bytes(text.encode(), Path(path))
    except OSError as error:
        raise MediaError(f"vs_align.{function}: cannot write '{path}': {reason_of(error)}.") from error


def load_text(source: Source, path: str | os.PathLike[str]) -> str:
    """Read a file that should begin like a JSON object.

    Raises:
        ArgumentError: It cannot be read or is something else.
    """
    try:
        with Path(path).open("rb") as file:
            # A video named by mistake must not be read to its end before the error.
            head = file.read(64)
            if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] not in (b"{", b""):
                raise source.error("text", "must be a JSON object in UTF-8")
            return (head + file.read()).decode("utf-8-sig")
    except OSError as error:
        rule = f"must name a {source.kind} file that can be read"
        raise ArgumentError(source.function, "path", rule, f"'{path}' ({error.strerror or error})") from None
    except UnicodeDecodeError:
        raise source.error("text", "must be a JSON object in UTF-8") from None


def parsed[Model: BaseModel](text: str, source: Source, version: int, model: type[Model]) -> Model:
    """Check a text against its format, version and pydantic model.

    Raises:
        ArgumentError: It breaks a rule; the message names the key.
    """
    from pydantic import ValidationError

    try:
        # JSON has no infinities, though Python writes and reads them: they mean that nothing is known.
        data = json.loads(text, object_pairs_hook=_unique, parse_constant=lambda _: None)
    except json.JSONDecodeError as error:
        rule = f"must be JSON: {error.msg} at line {error.lineno} column {error.colno}"
        raise source.error("text", rule) from None
    except (ValueError, RecursionError) as error:
        raise source.error("text", f"must be JSON: {error}") from None
    if not isinstance(data, dict):
        raise source.error("text", "must be a JSON object", shown(data))
    wanted = f"vs_align {source.kind}"
    if data.get("format") != wanted:
        raise source.error("format", f"must be {wanted!r}", shown(data.get("format")))
    given = data.get("version")
    if isinstance(given, int) and given > version:
        rule = f"must be at most {version} (a newer vs_align wrote this file: update vs_align)"
        raise source.error("version", rule, given)
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise _first_error(error, source) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"key {shown(next(key for key in keys if keys.count(key) > 1))} occurs twice")
    return result


def _first_error(error: "ValidationError", source: Source) -> ArgumentError:
    first = error.errors(include_url=False)[0]
    key = ""
    for part in first["loc"]:
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else str(part)
    if first["type"] == "missing":
        return source.error(key, "is missing")
    if first["type"] == "extra_forbidden":
        return source.error(key, "is not a key of this format (notes go to the top level)")
    rule = first["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    return source.error(key, rule, shown(first["input"]))


def shown(value: Any) -> str:
    """A value for messages, cut where it is long."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
