"""What an `include:` gives instead of a manifest: command, outputs, hardware; put together with the repository's own.

The outcome is the effective manifest, which is judged, built and archived like one that an author wrote.
"""

import json
import re
import shlex
from dataclasses import dataclass
from typing import Any

from tagstone.domain.manifests.manifest import EMPTY, Manifest, dump_manifest, parse_manifest
from tagstone.domain.manifests.sections import RunSection
from tagstone.domain.reading.faults import raise_faults
from tagstone.domain.runs.hardware import parse_bytes, parse_seconds
from tagstone.errors import Invalid

_PLACE = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*\}")
_WHERE = "the inputs of `include`"


@dataclass(frozen=True)
class Given:
    """What the inputs of an include say, as written; an empty text is nothing said.

    `command` and `outputs` are words as a shell would part them, though none ever sees them. `depository` is where rehearsals go.
    """

    command: str = ""
    outputs: str = ""
    cpu: str = ""
    memory: str = ""
    disk: str = ""
    time: str = ""
    gpu: str = ""
    gpu_type: str = ""
    depository: str = ""

    @property
    def hardware(self) -> dict[str, str]:
        """The hardware that is asked for, by the manifest's names."""
        names = ("cpu", "memory", "disk", "time", "gpu", "gpu_type")
        return {name: value for name in names if (value := getattr(self, name))}


@dataclass(frozen=True)
class Effective:
    """The manifest that counts; `composed` says that it is not the file of the repository, and has to be handed in."""

    text: str
    composed: bool


def compose(text: str | None, given: Given) -> Effective:
    """Put a repository's manifest (None: it has none) together with what an include gives.

    What the manifest says already cannot be given once more: nobody would know which of the two was meant. Hardware can, where it
    is the same: runners are told it by the include.

    Raises:
        Invalid: the manifest is wrong, something is said twice, or what is given is wrong.
    """
    if given == Given():
        return Effective(EMPTY if text is None else text, composed=False)
    manifest, faults = parse_manifest(EMPTY if text is None else text)
    raise_faults(faults, "The manifest cannot be read")
    if manifest is None:
        raise Invalid("The manifest cannot be read.", remedy="Run `tagstone check`.")
    _refuse_twice(manifest, given)
    values: dict[str, Any] = json.loads(dump_manifest(manifest))
    if given.command:
        command = [_PLACE.sub(r"{\g<0>}", word) for word in _words(given.command, "command")]
        values["run"] = {"command": command, "resources": _hardware(given)}
    if given.outputs:
        values["outputs"] = _words(given.outputs, "outputs")
    if given.depository and given.depository != manifest.deposit.to:
        # Communities and series are the other depository's.
        values["deposit"] |= {"to": given.depository, "community": None, "continues": None}
    # What follows is YAML's, to which ASCII escapes of rare letters mean something else.
    composed, faults = parse_manifest(_written(values), _WHERE)
    raise_faults(faults, "What the include gives cannot be used")
    if composed is None:
        raise Invalid("What the include gives cannot be used.", remedy="Look at the inputs of the include.")
    return Effective(dump_manifest(composed), composed=True)


def _refuse_twice(manifest: Manifest, given: Given) -> None:
    runs, keeps = manifest.run, bool(manifest.outputs.made or manifest.outputs.brought)
    # A runner has to be told the hardware by the include: there it may stand twice, as long as both say the same.
    other = runs is not None and given.hardware and _amounts(_hardware(given)) != _amounts(_hardware(given, runs))
    twice = (("command", runs and given.command), ("outputs", keeps and given.outputs), ("hardware, and differ", other))
    for name, said in twice:
        if said:
            raise Invalid(
                f"tagstone.yml and the include both say the {name}.", remedy="Say it once: remove it from one of the two."
            )
    if given.hardware and not given.command and runs is None:
        raise Invalid("The include asks for hardware, and nothing is run.", remedy="Add the input `command`.")


def _words(text: str, name: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise Invalid(
            f"The input `{name}` cannot be parted into words: {error}.", remedy="Close what is quoted: 'a word with blanks'."
        ) from None
    if not words:
        raise Invalid(f"The input `{name}` has no word in it.", remedy="Write it, or leave the input out.")
    return words


def _hardware(given: Given, run: RunSection | None = None) -> dict[str, object]:
    """The hardware that is given, or what `run` says of the same; numbers are numbers, what is none is judged later."""
    if run is not None:
        return {name: getattr(run.hardware, name) for name in given.hardware}
    said: dict[str, object] = dict(given.hardware)
    for name, kind, form in (("cpu", float, r"[0-9]{1,6}(\.[0-9]{1,6})?"), ("gpu", int, r"[0-9]{1,6}")):
        if name in said and re.fullmatch(form, str(said[name])):
            said[name] = kind(str(said[name]))
    return said


def _amounts(hardware: dict[str, object]) -> dict[str, object]:
    """The same in bytes and seconds: 2h are 120m. Raises: Invalid."""
    parsers = {"memory": parse_bytes, "disk": parse_bytes, "time": parse_seconds}
    return {name: parsers[name](str(value)) if name in parsers else value for name, value in hardware.items()}


def _written(values: dict[str, Any]) -> str:
    text = json.dumps(values, ensure_ascii=False)
    for character in "\x7f\x85\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
