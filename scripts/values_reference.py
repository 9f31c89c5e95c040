"""Writes docs/reference/settings.md and docs/reference/tagstone.schema.json from the models, so that both say the same.

Usage: values_reference.py
"""

import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tagstone.domain.manifest import json_schema
from tagstone.settings import Settings

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
_HEAD = """\
# Settings

Made by `scripts/values_reference.py` from `tagstone/settings.py`; do not edit.

Each is an environment variable. What an installation wants to set for everybody stands in `etc/tagstone.env` under its prefix, for a
virtual environment in that folder, one `NAME=value` a line; the environment wins. HOME is the value of `TAGSTONE_HOME`.
"""


def settings() -> str:
    """The page about settings as Markdown, a table for each group."""
    groups = {name: field for name, field in Settings.model_fields.items() if _group(field)}
    single = {name: field for name, field in Settings.model_fields.items() if name not in groups}
    tables = ["\n".join(["## For everything\n", *_table("TAGSTONE_", single)])]
    for name, field in groups.items():
        group = _group(field)
        assert group is not None
        title = (group.__doc__ or name).rstrip(".")
        tables.append("\n".join([f"## {title}\n", *_table(f"TAGSTONE_{name.upper()}__", group.model_fields)]))
    return "\n\n".join([_HEAD.rstrip(), *tables]) + "\n"


def schema() -> str:
    """The manifest's JSON Schema, for editors."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def pages() -> dict[Path, str]:
    """Every file that is written here."""
    return {FOLDER / "settings.md": settings(), FOLDER / "tagstone.schema.json": schema()}


def _group(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _table(prefix: str, fields: dict[str, FieldInfo]) -> Iterator[str]:
    yield "| variable | default | meaning |"
    yield "| --- | --- | --- |"
    for name, field in fields.items():
        yield f"| `{prefix}{name.upper()}` | {_default(field)} | {field.description} |"


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "`tagstone` in the user's data folder"
    return "" if field.default is None else f"`{json.dumps(field.default).strip(chr(34))}`"


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
