"""A record's outputs as its page shows them: pictures, tables, texts and renditions, within bounds, and all of them listed."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tagstone.domain.publications.record import Facts
from tagstone.domain.runs.run import OutputFile
from tagstone.web import bundles, renditions
from tagstone.web.heads import Preview, TextHead, is_table, is_text, preview, text_head
from tagstone.web.renditions import Renditions

Kind = Literal["picture", "pdf", "table", "notebook", "text", ""]
_LISTED = 200
_MOST: dict[Kind, int] = {"picture": 12, "pdf": 6, "table": 6, "notebook": 4, "text": 6}
_PICTURE_BYTES = 16 << 20


@dataclass(frozen=True)
class Output:
    """One output; `file` is its path in the bundle, None when it is not there. `reason` is why there is no preview of it."""

    path: str
    size: int
    sha256: str
    brought: bool
    file: str | None
    kind: Kind = ""
    table: Preview | None = None
    text: TextHead | None = None
    reason: str = ""


def folder_of(output: OutputFile) -> str:
    """The folder of the bundle that an output is in."""
    return "brought" if output.brought else "outputs"


def gather(facts: Facts, there: set[str], bundle: Path | None, known: Renditions) -> list[Output]:
    """The outputs that are listed, each with what is shown of it; `there` are the bundle's paths."""
    shown: Counter[str] = Counter()
    found = []
    for output in facts.outputs[:_LISTED]:
        path = f"{folder_of(output)}/{output.path}"
        if bundle is None or path not in there:
            found.append(Output(output.path, output.size, output.sha256, output.brought, None))
            continue
        made = _shown(output, path, bundle / path, known)
        if made.kind and shown[made.kind] >= _MOST[made.kind]:
            made = Output(output.path, output.size, output.sha256, output.brought, path)
        shown[made.kind] += 1
        found.append(made)
    return found


def find(facts: Facts, file: str) -> OutputFile | None:
    """The output that lies at this path of the bundle, if one does."""
    return next((output for output in facts.outputs if f"{folder_of(output)}/{output.path}" == file), None)


def _shown(output: OutputFile, path: str, file: Path, known: Renditions) -> Output:
    kind: Kind = ""
    table = text = None
    reason = ""
    rendition = renditions.kind_of(path)
    if bundles.is_picture(path):
        kind, reason = ("picture", "") if output.size <= _PICTURE_BYTES else ("", "it is too large")
    elif rendition:
        kept = known.known(rendition, output.sha256)
        kind, reason = ("", kept.reason) if kept and kept.reason else (rendition, "")
    elif is_table(path):
        table = preview(file, path)
        kind = "table" if table else ""
    elif is_text(path):
        text = text_head(file, path)
        kind = "text" if text else ""
    return Output(output.path, output.size, output.sha256, output.brought, path, kind, table, text, reason)
