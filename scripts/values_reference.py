"""Writes settings.md, manifest.md and tagstone.schema.json of docs/reference from the models, so that all say the same.

Usage: values_reference.py
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tagstone.domain.manifests.manifest import EXAMPLE, json_schema
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


_MANIFEST_HEAD = """\
# The manifest, tagstone.yml

Made by `scripts/values_reference.py` from `tagstone/domain/manifests/manifest.py`; do not edit.

It lies at the top of the repository and says what to build, run and keep. Who and what comes from `CITATION.cff`. Every key may be left
out unless it is marked *required*. Unknown keys are faults that name the nearest known one. Editors that know JSON Schema complete it
with [tagstone.schema.json](tagstone.schema.json).

```yaml
EXAMPLE```
"""


def manifest() -> str:
    """The page about the manifest as Markdown, a table for each section."""
    described = json_schema()
    tables = ["\n".join(["## At the top\n", *_keys(described, described["$defs"])])]
    for key, section in (
        ("environment", "Environment"),
        ("run", "RunSection"),
        ("run: resources", "ResourcesSection"),
        ("inputs (each)", "Input"),
        ("outputs, as a mapping", "Outputs"),
        ("outputs (each, as a mapping)", "Output"),
        ("deposit", "DepositSection"),
        ("deposit: licences", "PartLicences"),
        ("deposit: funding (each)", "FundingSection"),
        ("related (each)", "RelatedWork"),
    ):
        part = described["$defs"][section]
        tables.append("\n".join([f"## {key}\n", part["description"].splitlines()[0] + "\n", *_keys(part, described["$defs"])]))
    return "\n\n".join([_MANIFEST_HEAD.replace("EXAMPLE", EXAMPLE).rstrip(), *tables]) + "\n"


def _keys(section: dict[str, Any], sections: dict[str, Any]) -> Iterator[str]:
    yield "| key | default | meaning | example |"
    yield "| --- | --- | --- | --- |"
    for name, key in section["properties"].items():
        default = "*required*" if name in section.get("required", ()) else _value(key.get("default"))
        examples = ", ".join(_value(example) for example in key.get("examples", ()))
        words = next((kind["enum"] for kind in (key, *key.get("anyOf", ())) if "enum" in kind), ())
        choices = " One of: " + ", ".join(f"`{choice}`" for choice in words) + "." if words else ""
        # A description that a key shares with its section stands there only.
        meaning = key.get("description") or sections[key["$ref"].rpartition("/")[2]]["description"]
        yield f"| `{name}` | {default} | {meaning}{choices} | {examples} |"


def _value(value: object) -> str:
    return "" if value in (None, [], {}) else f"`{json.dumps(value, ensure_ascii=False)}`".replace('"', "")


def schema() -> str:
    """The manifest's JSON Schema, for editors."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def pages() -> dict[Path, str]:
    """Every file that is written here."""
    return {FOLDER / "settings.md": settings(), FOLDER / "manifest.md": manifest(), FOLDER / "tagstone.schema.json": schema()}


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
