"""Writing checksums into a manifest's text, and leaving all else as its author wrote it: order, comments, line ends."""

import re
from collections.abc import Mapping

import yaml

from tagstone.domain.manifests.manifest import FILE
from tagstone.domain.reading.yaml_text import read_yaml
from tagstone.errors import Conflict

# Which readers may take for a number.
_NUMERIC = re.compile(r"[0-9]+(?:e[0-9]+)?")


def with_checksums(text: str, checksums: Mapping[int, str]) -> str:
    """The manifest's text with `sha256` set at these inputs (number from 0 → checksum).

    Raises:
        Conflict: the text cannot be edited so that it means the same and the checksums.
    """
    before, items = read_yaml(text, FILE), _inputs(text)
    if before.faults or not checksums.keys() <= items.keys():
        raise _not_editable(checksums)
    edited = text
    for start, end, written in sorted((_change(text, items[number], checksums[number]) for number in checksums), reverse=True):
        edited = edited[:start] + written + edited[end:]
    after = read_yaml(edited, FILE)
    if after.faults or after.value != _meant(before.value, checksums):
        raise _not_editable(checksums)
    return edited


def _inputs(text: str) -> dict[int, yaml.MappingNode]:
    """The mapping of each input, by its number; none where PyYAML's own reader, which knows places, cannot read the text."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return {}
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    items: list[yaml.Node] = next(
        (value.value for key, value in pairs if key.value == "inputs" and isinstance(value, yaml.SequenceNode)), []
    )
    return {number: item for number, item in enumerate(items) if isinstance(item, yaml.MappingNode) and item.value}


def _change(text: str, item: yaml.MappingNode, checksum: str) -> tuple[int, int, str]:
    """Where to write, up to where to replace, and what."""
    value = f'"{checksum}"' if _NUMERIC.fullmatch(checksum) else checksum
    for key, old in item.value:
        if key.value == "sha256":
            start, end = old.start_mark.index, old.end_mark.index
            return start, end, value if text[start - 1].isspace() else f" {value}"
    last_key, last = item.value[-1]
    end = last.end_mark.index
    if item.flow_style:
        return end, end, f", sha256: {value}"
    newline = "\r\n" if "\r\n" in text else "\n"
    written = f"{' ' * last_key.start_mark.column}sha256: {value}{newline}"
    if text[:end].endswith("\n"):  # a block of text, or nothing, was the last value
        return end, end, written
    line_end = text.find("\n", end)
    return (len(text), len(text), newline + written) if line_end < 0 else (line_end + 1, line_end + 1, written)


def _meant(value: object, checksums: Mapping[int, str]) -> object:
    if not isinstance(value, dict) or not isinstance(value.get("inputs"), tuple):
        return None
    inputs = tuple(
        {**item, "sha256": checksums[number]} if number in checksums and isinstance(item, dict) else item
        for number, item in enumerate(value["inputs"])
    )
    return value | {"inputs": inputs}


def _not_editable(checksums: Mapping[int, str]) -> Conflict:
    lines = "; ".join(f"input {number + 1}: `sha256: {checksum}`" for number, checksum in sorted(checksums.items()))
    return Conflict(f"{FILE} cannot be edited without changing what it means.", remedy=f"Write it yourself: {lines}.")
