"""Hooks of MkDocs that generate parts of the documentation from the code when the site is built.

A page asks for a part with a comment on a line of its own:

    <!-- generated: command sync -->       usage, description and all options of a command, from the command line itself
    <!-- generated: schema timeline -->    a table of the keys of a JSON file, from its pydantic schema

    uv run --group docs mkdocs build --strict
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import vs_align
from vs_align.errors import AlignError

REQUEST = re.compile(r"^<!-- generated: (\w+) ?(.*?) -->$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace each request of a page by what it asks for; MkDocs calls this for each page.

    Raises:
        AlignError: The page asks for something that does not exist; it fails the build.
    """
    return REQUEST.sub(lambda request: generated(request[1], request[2]), markdown)


def generated(kind: str, name: str) -> str:
    """Return a generated part as Markdown.

    Args:
        kind: The first word of the request, such as "command".
        name: The rest of it, such as "models get"; empty if there is none.

    Raises:
        AlignError: There is no such part.
    """
    parts: Mapping[str, Callable[[str], str]] = {
        "command": command_page,
        "schema": schema_table,
    }
    if kind not in parts:
        raise AlignError(f"docs_pages: kind must be one of {', '.join(parts)}, got {kind!r}.")
    return parts[kind](name)


def command_page(name: str) -> str:
    """Return usage, description, arguments and options of a command such as "sync" or "models get"."""
    from typer.main import get_command

    from vs_align.cli.app import app

    command: Any = get_command(app)
    context: Any = command.context_class(command, info_name="vs-align")
    for word in name.split():
        if word not in command.commands:
            raise AlignError(f"docs_pages: there is no command vs-align {name}.")
        command = command.commands[word]
        context = command.context_class(command, info_name=word, parent=context)
    usage = command.get_usage(context).removeprefix("Usage: ")
    rows = [record for param in command.params if (record := _record(param, context)) is not None]
    text = "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))
    table = _table(("argument or option", "meaning"), ((f"`{names}`", text) for names, text in rows))
    return f"```\n{usage}\n```\n\n{text}\n\n{table}"


def _record(param: Any, context: Any) -> tuple[str, str] | None:
    """Return the names of a parameter and what its help says, with default and range; None for a hidden one."""
    found: tuple[str, str] | None = param.get_help_record(context)
    return found


def schema_table(name: str) -> str:
    """Return the keys of the file of a `Timeline` or a `Placement` as tables, one for each kind of record."""
    classes: dict[str, Any] = {"timeline": vs_align.Timeline, "placement": vs_align.Placement}
    if name not in classes:
        raise AlignError(f"docs_pages: schema must be one of {', '.join(classes)}, got {name!r}.")
    schema = _with_values(classes[name].json_schema())
    parts = [f"{schema['description']}\n\n{_keys(schema)}"]
    for record, part in schema.get("$defs", {}).items():
        if "properties" in part:
            parts.append(f"#### `{record}` {{ #{name}-{record.lower()} }}\n\n{part['description']}\n\n{_keys(part)}")
    return "\n\n".join(parts)


def _with_values(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema in which references to enumerations are replaced by their values."""
    text = json.dumps(schema)
    for record, part in schema.get("$defs", {}).items():
        if "enum" in part:
            text = text.replace(f'"$ref": "#/$defs/{record}"', f'"enum": {json.dumps(part["enum"])}')
    replaced: dict[str, Any] = json.loads(text)
    return replaced


def _keys(record: Mapping[str, Any]) -> str:
    required = record.get("required", [])
    rows = []
    for key, value in record["properties"].items():
        default = f"`{_json(value['default'])}`" if "default" in value else ""
        rows.append(
            (f"`{key}`", _type(value), "required" if key in required else default, value.get("description", ""))
        )
    return _table(("key", "type", "default", "meaning"), rows)


def _type(value: Mapping[str, Any]) -> str:
    """Return the type of a JSON schema in a few words."""
    if "$ref" in value:
        return f"`{value['$ref'].rpartition('/')[2]}`"
    if "const" in value:
        return f"`{_json(value['const'])}`"
    if "enum" in value:
        return ", ".join(f"`{_json(one)}`" for one in value["enum"])
    if "anyOf" in value:
        return " or ".join(dict.fromkeys(_type(one) for one in value["anyOf"]))
    if value.get("type") == "array":
        count = value.get("minItems") if value.get("minItems") == value.get("maxItems") else None
        item = _type(value["items"])
        return " ".join(filter(None, ("array of", str(count or ""), f"({item})" if " or " in item else item)))
    limits = [f"{sign} {value[key]:g}" for key, sign in _LIMITS.items() if key in value]
    return str(value.get("type", "any")) + (f" ({', '.join(limits)})" if limits else "")


_LIMITS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def _json(value: object) -> str:
    return json.dumps(value)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    """Return a text for a table: without line breaks, and with escaped bars but in code, where they need no escape."""
    parts = " ".join(str(text).split()).split("`")
    return "`".join(part.replace("|", "\\|") if n % 2 == 0 else part for n, part in enumerate(parts))
