"""JSON files with a pydantic model: atomic writing, and reading with errors that name file and key."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vs_align.errors import ArgumentError, MediaError
from vs_align.io.atomic_files import error_reason, save_bytes

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError


@dataclass(frozen=True)
class Source:
    """Origin of a JSON text, for error messages.

    Args:
        function: Function that reads it, such as "Placement.load".
        kind: Expected kind of file, such as "placement".
        place: Text after a key in messages, such as " in 'file.json'".
    """

    function: str
    kind: str
    place: str = ""

    def error(self, key: str, rule: str, given: object = None) -> ArgumentError:
        """Return an error about a key."""
        return ArgumentError(self.function, key + self.place, rule, given)

    def passed_on(self, error: ArgumentError, prefix: str = "") -> ArgumentError:
        """Return an error of the data class as an error of the file: with the key in the file instead of the field."""
        return self.error(prefix + error.argument, rule_of(error))


def rule_of(error: ArgumentError) -> str:
    """Return the rule and the value of an error message, without function and argument."""
    return str(error).removeprefix(f"vs_align.{error.function}: {error.argument} ").removesuffix(".")


def note_text(function: str, key: str, value: Any) -> str:
    """Return the JSON text of a note at the top level, indented.

    Raises:
        ArgumentError: It is no JSON value.
    """
    try:
        return text_of(_finite(value), indent=2).replace("\n", "\n  ")
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentError(function, f"notes[{key!r}]", "must be a JSON value", error) from None


def text_of(value: Any, indent: int | None = None) -> str:
    """Return a value as JSON in UTF-8; characters without a UTF-8 form are escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair has no UTF-8 form
        return json.dumps(value, indent=indent)
    return text


def _finite(value: Any) -> Any:
    """Return a copy of a JSON value with None for infinite numbers and NaN."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_finite(item) for item in value]
    return value


def save_text(function: str, text: str, path: str | os.PathLike[str]) -> None:
    """Write a text file atomically; see `save_bytes`.

    Raises:
        MediaError: It cannot be written.
    """
    try:
        save_bytes(text.encode(), Path(path))
    except OSError as error:
        raise MediaError(f"vs_align.{function}: cannot write '{path}': {error_reason(error)}.") from error


def load_text(source: Source, path: str | os.PathLike[str]) -> str:
    """Read a text file that begins like a JSON object.

    Raises:
        ArgumentError: It cannot be read or is no JSON object.
    """
    try:
        with Path(path).open("rb") as file:
            # a video that is given by mistake must not be read to its end
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
    """Parse a JSON text and validate its format, version and pydantic model.

    Raises:
        ArgumentError: It breaks a rule; the message names the key.
    """
    from pydantic import ValidationError

    try:
        # NaN and infinities are no JSON, but Python writes them: read as unknown
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
    """Return a value as text for messages, at most 60 characters."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
