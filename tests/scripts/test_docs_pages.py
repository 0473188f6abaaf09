"""The documentation agrees with the code: generated parts are complete, and hand-written tables leave nothing out."""

import re
import sys
from pathlib import Path

import pytest

from tests.folders import REPOSITORY
from vs_align.errors import AlignError

SCRIPTS = REPOSITORY / "scripts"
sys.path.insert(0, str(SCRIPTS))
try:
    from docs_pages import generated, on_page_markdown
finally:
    sys.path.remove(str(SCRIPTS))

DOCS = REPOSITORY / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
# props that pass data from node to node inside a graph; users do not see them in a result
INTERNAL = {
    "VSAlignClipPoints", "VSAlignDifference", "VSAlignEvidence", "VSAlignFirst", "VSAlignFit", "VSAlignFound",
    "VSAlignFrame", "VSAlignGeometry", "VSAlignLook", "VSAlignNone", "VSAlignRefPoints", "VSAlignStarts", "VSAlignSums",
    "VSAlignTransform", "VSAlignWindow", "VSAlignWindowFirst", "VSAlignWindowScores",
}  # fmt: skip


def _text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def test_every_option_of_a_command_has_a_row() -> None:
    page = generated("command", "overlay")
    assert "| `--opacity <float range>` |" in page
    assert "[default: 1.0; 0<=x<=1]" in page
    assert "vs-align overlay [OPTIONS] [BG] [FG]" in page
    # a bar inside code separates no cells, so it stands as it is
    assert "| `--timing <fg|bg>` |" in page


def test_every_command_is_on_the_page() -> None:
    from typer.main import get_command

    from vs_align.cli.app import app

    command: object = get_command(app)
    wanted = set(re.findall(r"generated: command ([\w ]+) -->", _text("reference/commands.md")))
    top = getattr(command, "commands")  # noqa: B009
    assert wanted == {*top, *(f"models {name}" for name in top["models"].commands)}


def test_schema_has_all_keys_with_types() -> None:
    page = generated("schema", "timeline")
    assert '| `kind` | `"match"`, `"hold"`, `"insert"`, `"missing"`, `"black"` | `"match"` |' in page
    assert "| `ref_first` | integer (≥ 0) | required | First ref frame. |" in page
    assert "| `frame_map` | array of (integer (≥ 0) or null) or null | `null` |" in page
    assert "array of 3" in generated("schema", "placement")


def test_requests_are_replaced_in_place() -> None:
    page = on_page_markdown("before\n\n<!-- generated: command doctor -->\n\nafter")
    assert page.startswith("before\n\n```\nvs-align doctor")
    assert page.endswith("after")
    assert "<!--" not in page


@pytest.mark.parametrize(("kind", "name"), [("command", "sink"), ("schema", "film"), ("sink", "")])
def test_requests_for_what_does_not_exist_fail(kind: str, name: str) -> None:
    with pytest.raises(AlignError, match="docs_pages: "):
        generated(kind, name)


def test_every_frame_prop_has_a_row() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "vs_align").rglob("*.py"))
    written = set(re.findall(r'"(VSAlign[A-Z]\w+)"', sources))
    described = set(re.findall(r"`(VSAlign[A-Z]\w+)`", _text("reference/frame-props.md")))
    assert written - INTERNAL == described


def test_every_public_name_is_in_the_reference() -> None:
    import vs_align

    described = set(re.findall(r"^::: vs_align\.(\w+)$", _text("reference/functions.md"), re.MULTILINE))
    # Backend is another name of Device
    assert described == {name for name in dir(vs_align) if not name.startswith("_")} - {"Backend"}


def test_every_metric_engine_and_method_is_described() -> None:
    from vs_align.enums import FlowEngine, PlaceMethod, SyncEngine
    from vs_align.measure.metrics.registry import METRICS

    described = set(re.findall(r"`([\w:]+)`", _text("reference/methods.md")))
    for name in (*METRICS, *(member.value for kind in (FlowEngine, PlaceMethod, SyncEngine) for member in kind)):
        assert name in described


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_files_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"`((?:examples|scripts|docs)/[\w./-]+)`", text):
        assert (REPOSITORY / name).exists(), name
    for name in re.findall(r'--8<-- "(.+)"', text):
        assert (REPOSITORY / name).is_file(), name


def test_files_and_folders_of_the_architecture_exist() -> None:
    folders = "cli|api|export|render|decide|measure|nodes|media|placement|timeline|io"
    names = re.findall(rf"`((?:{folders})/[\w./]*)`", _text("project/architecture.md"))
    assert len(names) > 20
    for name in names:
        assert (REPOSITORY / "vs_align" / name).exists(), name


def test_links_of_the_readme_lead_somewhere() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    names = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    assert len(names) > 20
    for name in names:
        assert (REPOSITORY / name).is_file(), name
