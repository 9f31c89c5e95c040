"""Writes settings.md, manifest.md and tagstone.schema.json of docs/reference from the models, so that all say the same.

Usage: values_reference.py
"""

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from tagstone.domain.manifests.manifest import EXAMPLE, json_schema
from tagstone.settings import Settings

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
_HEAD = """\
# Settings

Made by `scripts/values_reference.py` from `tagstone/settings.py`; do not edit.

Each is an environment variable. What an installation wants to set for everybody stands in `etc/tagstone.env` under its prefix, for a
virtual environment in that folder, one `VARIABLE=value` a line; the environment wins. HOME is the value of `TAGSTONE_HOME`.
NAME is a name that the site gives, in capitals and with `_` for `-`: the profile `gpu-a100` of the cluster `dahlem` has
`TAGSTONE_CLUSTERS__DAHLEM__PROFILES__GPU_A100__GPU_TYPE`. What has variables of its own further down may also be one JSON object.
"""
_TYPES = {
    "string": "text",
    "password": "secret",
    "path": "path",
    "integer": "whole number",
    "number": "number",
    "boolean": "`true`, `false`",
    "array": "JSON list",
    "object": "JSON object",
}


def settings() -> str:
    """The page about settings as Markdown, a table for each group."""
    described = Settings.model_json_schema()
    tables = _tables("For everything", "TAGSTONE_", described, described["$defs"])
    return "\n\n".join([_HEAD.rstrip(), *tables]) + "\n"


def _tables(title: str, prefix: str, section: dict[str, Any], sections: dict[str, Any]) -> Iterator[str]:
    """The table of a group whose variables begin with `prefix`, then those of the groups within it."""
    variables = {f"{prefix}{name.upper()}": field for name, field in section["properties"].items()}
    required = {f"{prefix}{name.upper()}" for name in section.get("required", ())}
    yield "\n".join([f"## {title}\n", *_table("variable", variables, required)])
    for variable, field in variables.items():
        for kind in (field, *field.get("anyOf", ())):
            if group := _group(kind, sections):
                yield from _tables(_title(group), f"{variable}__", group, sections)
            if group := _group(kind.get("additionalProperties"), sections):
                yield from _tables(_title(group), f"{variable}__NAME__", group, sections)
            if group := _group(kind.get("items"), sections):
                keys = _table("key", group["properties"], group.get("required", ()))
                yield "\n".join([f"## {_title(group)}\n", f"Each object in the list `{variable}`.\n", *keys])


def _group(kind: object, sections: dict[str, Any]) -> dict[str, Any] | None:
    return sections[kind["$ref"].rpartition("/")[2]] if isinstance(kind, dict) and "$ref" in kind else None


def _title(group: dict[str, Any]) -> str:
    return str(group["description"]).splitlines()[0].rstrip(".")


def _table(first: str, fields: dict[str, Any], required: Collection[str]) -> Iterator[str]:
    yield f"| {first} | type | default | meaning |"
    yield "| --- | --- | --- | --- |"
    for name, field in fields.items():
        # A group that is always there has no description of its own: its variables are in a table below.
        if "description" in field:
            default = "*required*" if name in required else _default(field)
            yield f"| `{name}` | {_type(field)} | {default} | {field['description']} |"


def _type(field: dict[str, Any]) -> str:
    kind = next(one for one in field.get("anyOf", (field,)) if one.get("type") != "null")
    if "enum" in kind:
        return ", ".join(f"`{choice}`" for choice in kind["enum"] if choice)
    return _TYPES[kind.get("format") or kind.get("type", "object")]


def _default(field: dict[str, Any]) -> str:
    if "default" not in field:
        return "`tagstone` in the user's data folder"
    return "" if field["default"] in (None, "") else f"`{json.dumps(field['default']).strip(chr(34))}`"


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


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
