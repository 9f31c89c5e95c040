"""The manifest: `tagstone.yml`, how a repository says what to build, run and keep."""

import json
import re
from typing import Any

from pydantic import Field, ValidationError, model_validator

from tagstone.domain.manifests.sections import (
    DepositSection,
    Environment,
    Input,
    Outputs,
    OutputsSection,
    RelatedWork,
    RunSection,
    Section,
)
from tagstone.domain.manifests.values import FindingName, wrong
from tagstone.domain.reading.faults import Fault
from tagstone.domain.reading.model_faults import model_faults
from tagstone.domain.reading.yaml_text import Document, read_yaml
from tagstone.domain.runs.matrix import Combination, argument
from tagstone.errors import Invalid

FILE = "tagstone.yml"
EMPTY = "{}\n"
"""What counts where there is no manifest: an environment that other files describe, and nothing else."""
EXAMPLE = """\
environment:
  base: debian:bookworm
  apt: [python3]
run:
  command: [python3, analysis.py]
outputs: [results/*.png]
"""
_PLACE = re.compile(r"\{\{([A-Za-z_][A-Za-z0-9_]*)\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Manifest(Section):
    """How a repository says what to build, run and keep."""

    environment: Environment | None = Field(
        default=None,
        description="What the code needs; without it, the repository's own files say it (requirements.txt, apt.txt, …).",
    )
    run: RunSection | None = Field(default=None, description="What is run; without it, nothing is.")
    inputs: tuple[Input, ...] = Field(default=(), description="Files that are fetched.")
    outputs: OutputsSection = Field(
        default_factory=Outputs,
        description="Files to keep: a list of globs of what the run makes, or `made` and `brought` (made elsewhere), each a list.",
        examples=[["results/*.png"]],
    )
    deposit: DepositSection = Field(default_factory=DepositSection, description="Where the record goes.")
    related: tuple[RelatedWork, ...] = Field(default=(), description="Other works this one belongs to.")
    waived_secrets: tuple[FindingName, ...] = Field(
        default=(), description="Findings of the search for secrets that are none, by the names that it gave them."
    )

    @model_validator(mode="after")
    def _run_and_outputs(self) -> "Manifest":
        if self.outputs.made and self.run is None:
            remedy = "Add `run`, or write `outputs: {brought: […]}` for results that were made elsewhere."
            raise wrong("`outputs` are to be made, but nothing is run.", remedy)
        if self.run is not None and not self.outputs.made and not self.outputs.brought:
            raise wrong(
                "`outputs` is missing: the run would leave nothing.", "Add `outputs`, such as `outputs: [results/*.png]`."
            )
        return self


def parse_manifest(text: str, file: str = FILE) -> tuple[Manifest | None, tuple[Fault, ...]]:
    """Read a manifest; None when anything is wrong with it. Every fault is found at once, in the order of lines."""
    document = read_yaml(text, file)
    manifest, found = None, []
    if isinstance(document.value, dict):
        try:
            manifest = Manifest.model_validate(document.value)
        except ValidationError as error:
            found = model_faults(error, Manifest, document, file)
        found += _parameter_faults(document, file)
        found += _twice(document, file)
    elif not document.faults:
        found.append(Fault(file, "The manifest is empty or not a mapping.", f"Begin with this:\n{EXAMPLE}", 1))
    known = {fault.line for fault in document.faults}
    faults = (*document.faults, *(fault for fault in found if fault.line is None or fault.line not in known))
    return (None if faults else manifest), tuple(sorted(faults, key=lambda fault: fault.line or 0))


def command_line(manifest: Manifest, combination: Combination | None = None) -> tuple[str, ...]:
    """The command with its parameters filled into `{name}` (`{{name}}` stands for `{name}` itself); empty where nothing is run.

    Of a matrix it is that of one `combination`.

    Raises:
        Invalid: the command names a parameter that is not there; `parse_manifest` lets no such manifest through.
    """
    if manifest.run is None:
        return ()
    parameters: dict[str, object] = {**manifest.run.parameters, **dict(combination.values if combination else ())}

    def fill(match: re.Match[str]) -> str:
        if match[1]:
            return "{" + match[1] + "}"
        if match[2] not in parameters:
            raise Invalid(f"The command names the unknown parameter {match[2]!r}.", remedy="Write it below `parameters`.")
        return argument(parameters[match[2]])

    return tuple(_PLACE.sub(fill, part) for part in manifest.run.command)


def dump_manifest(manifest: Manifest) -> str:
    """The manifest with its defaults filled in, as JSON (which is YAML): `parse_manifest` reads an equal one from it."""
    text = json.dumps(manifest.model_dump(by_alias=True, exclude_none=True), indent=1, ensure_ascii=False)
    for character in "\x85\u2028\u2029":  # line breaks for YAML, but not for JSON
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text + "\n"


def json_schema() -> dict[str, Any]:
    """The manifest's JSON Schema (2020-12), for editors."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Manifest.model_json_schema(by_alias=True)}
    return schema | {"title": "Tagstone manifest"}


def _parameter_faults(document: Document, file: str) -> list[Fault]:
    """Names that the command uses and nobody gives, names that are given and not used, and names that are given twice."""
    run = document.value.get("run") if isinstance(document.value, dict) else None
    command = run.get("command") if isinstance(run, dict) else None
    given = {key: run.get(key, {}) for key in ("parameters", "matrix")} if isinstance(run, dict) else {}
    if not isinstance(command, tuple) or not all(isinstance(names, dict) for names in given.values()):
        return []
    used: dict[str, int | None] = {}
    for number, part in enumerate(command):
        for match in _PLACE.finditer(part) if isinstance(part, str) else ():
            if match[2]:
                used.setdefault(match[2], document.line(("run", "command", number)))
    unknown = [
        Fault(
            file,
            f"`{{{name}}}` stands for no parameter.",
            f"Add `{name}` below `parameters`; where braces are meant, write {{{{{name}}}}}.",
            line,
        )
        for name, line in used.items()
        if not any(name in names for names in given.values())
    ]
    return [*unknown, *_unused(given, used, document, file), *_given_twice(given, document, file)]


def _unused(given: dict[str, Any], used: dict[str, int | None], document: Document, file: str) -> list[Fault]:
    return [
        Fault(
            file,
            f"The parameter `{name[:60]}` is not used.",
            f"Write {{{name[:60]}}} in the command, or remove it.",
            document.line(("run", key, name)),
        )
        for key, names in given.items()
        for name in names
        if name not in used and _PLACE.fullmatch(f"{{{name}}}")  # any other name is a fault already
    ]


def _given_twice(given: dict[str, Any], document: Document, file: str) -> list[Fault]:
    return [
        Fault(
            file,
            f"`{name}` stands in `parameters` and in `matrix`.",
            "Keep it in `matrix` to run with each of its values, or in `parameters` for one.",
            document.line(("run", "matrix", name)),
        )
        for name in given["matrix"]
        if name in given["parameters"]
    ]


def _twice(document: Document, file: str) -> list[Fault]:
    """Inputs that would be laid over one another."""
    inputs = document.value.get("inputs") if isinstance(document.value, dict) else None
    seen: dict[str, int] = {}
    faults = []
    for number, item in enumerate(inputs if isinstance(inputs, tuple) else ()):
        to = item.get("to") if isinstance(item, dict) else None
        if not isinstance(to, str):
            continue
        if any(to == other or to.startswith(other + "/") or other.startswith(to + "/") for other in seen):
            line = document.line(("inputs", number, "to"))
            faults.append(Fault(file, f"Two inputs would lie at {to[:80]!r}.", "Give each a path of its own.", line))
        seen[to] = number
    return faults
