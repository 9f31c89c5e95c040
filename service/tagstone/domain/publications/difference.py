"""What changed from one publication to another: a pure function of what was recorded of both, and of their code's files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tagstone.domain.citations.citation import Citation, parse_citation
from tagstone.domain.manifests.manifest import Manifest, parse_manifest
from tagstone.domain.publications.record import Facts
from tagstone.domain.runs.hardware import format_bytes, format_seconds

_SHOWN = 40
_OURS = ("TAGSTONE_",)  # set for every publication anew
_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


class Happened(StrEnum):
    """What happened to one thing."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True)
class Change:
    """One thing that is not as it was; `before` and `after` are for people, empty where it was not there."""

    happened: Happened
    name: str
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        values = " → ".join(value for value in (self.before, self.after) if value)
        line = f"{_SIGNS[self.happened]} {self.name}" + (f": {values}" if values else "")
        return line.replace("\n", "\\n")


@dataclass(frozen=True)
class Section:
    """One kind of things: those that changed, sorted by name, and how many did not; `note` says what could not be read."""

    name: str
    changes: tuple[Change, ...]
    same: int = 0
    note: str = ""


@dataclass(frozen=True)
class CodeFile:
    """One file of the code; `size` in bytes, `content` is a checksum, of a link its target."""

    kind: str
    size: int
    content: str
    executable: bool = False


@dataclass(frozen=True)
class CodeDifference:
    """The files of both codes by path, and for changed texts how many lines came and went; None where a code is not there."""

    before: Mapping[str, CodeFile] | None
    after: Mapping[str, CodeFile] | None
    lines: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Difference:
    """Everything that is not as it was, section by section."""

    before: str
    after: str
    sections: tuple[Section, ...]

    @property
    def identical(self) -> bool:
        """True when nothing changed."""
        return not any(section.changes or section.note for section in self.sections)

    def as_text(self) -> str:
        """The answer for people, in lines; long lists are cut."""
        lines = [f"{self.before} → {self.after}"]
        for section in self.sections:
            if section.changes or section.note:
                lines += ["", f"{section.name}: {_counted(section)}"]
                lines += [f"  {change}" for change in section.changes[:_SHOWN]]
                left = len(section.changes) - _SHOWN
                lines += [f"  and {left} more (all with --json)"] if left > 0 else []
        same = [section.name for section in self.sections if not section.changes and not section.note]
        return "\n".join([*lines, "", f"no difference: {', '.join(same)}"] if same else lines)

    def as_json(self) -> dict[str, object]:
        """The answer for programs."""
        return {
            "before": self.before,
            "after": self.after,
            "identical": self.identical,
            "sections": {
                section.name: {
                    "same": section.same,
                    "note": section.note or None,
                    "changes": [
                        {"change": one.happened.value, "name": one.name, "before": one.before, "after": one.after}
                        for one in section.changes
                    ],
                }
                for section in self.sections
            },
        }


def difference(before: Facts, after: Facts, code: CodeDifference) -> Difference:
    """Compare two publications, the earlier one first."""
    sections = (
        _section("metadata", _metadata(before), _metadata(after)),
        _code(code),
        _section("parameters", _parameters(before), _parameters(after)),
        _section("run", _run(before), _run(after)),
        _section("image", _image(before), _image(after)),
        _section("packages", _packages(before), _packages(after)),
        _section("inputs", _inputs(before), _inputs(after)),
        _section("outputs", _outputs(before), _outputs(after)),
        _section("machine", _machine(before), _machine(after)),
        _section("warnings", _warnings(before), _warnings(after)),
    )
    return Difference(_label(before), _label(after), sections)


def _label(facts: Facts) -> str:
    return f"{facts.source.tag} ({facts.doi or facts.publication})"


def _counted(section: Section) -> str:
    counts = {kind: sum(change.happened is kind for change in section.changes) for kind in Happened}
    parts = [f"{number} {kind}" for kind, number in counts.items() if number]
    parts += [f"{section.same} the same"] if section.same else []
    return "; ".join([*([", ".join(parts)] if parts else []), *([section.note] if section.note else [])])


def _section(name: str, before: Mapping[str, str], after: Mapping[str, str]) -> Section:
    changes = []
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if old != new:
            happened = Happened.ADDED if old is None else Happened.REMOVED if new is None else Happened.CHANGED
            changes.append(Change(happened, key, old or "", new or ""))
    return Section(
        name, tuple(changes), len(before.keys() & after.keys()) - sum(c.happened is Happened.CHANGED for c in changes)
    )


def _code(code: CodeDifference) -> Section:
    if code.before is None or code.after is None:
        return Section("code", (), note="an archive of the code is not here, so that the files could not be compared")
    changes = []
    for path in sorted(code.before.keys() | code.after.keys()):
        old, new = code.before.get(path), code.after.get(path)
        if old is None or new is None:
            one, happened = (new, Happened.ADDED) if old is None else (old, Happened.REMOVED)
            size = format_bytes(one.size) if one else ""
            changes.append(Change(happened, path, "" if old is None else size, "" if new is None else size))
        elif old != new:
            changes.append(Change(Happened.CHANGED, path, after=_edited(path, old, new, code.lines)))
    same = len(code.before.keys() & code.after.keys()) - sum(change.happened is Happened.CHANGED for change in changes)
    return Section("code", tuple(changes), same)


def _edited(path: str, old: CodeFile, new: CodeFile, lines: Mapping[str, tuple[int, int]]) -> str:
    parts = []
    if path in lines:
        came, went = lines[path]
        parts.append(f"+{came} -{went} lines")
    elif old.content != new.content:
        parts.append(f"{format_bytes(old.size)} → {format_bytes(new.size)}")
    if old.kind != new.kind:
        parts.append(f"{old.kind} → {new.kind}")
    if old.executable != new.executable:
        parts.append("is executable now" if new.executable else "is not executable any more")
    return ", ".join(parts)


def _metadata(facts: Facts) -> dict[str, str]:
    citation: Citation | None = parse_citation(facts.source.citation)[0]
    said = {"title": facts.source.title, "version": facts.source.version}
    if citation is not None:
        said |= {
            "authors": "; ".join(creator.name for creator in citation.authors),
            "licences": ", ".join(citation.licences),
            "keywords": ", ".join(citation.keywords),
            "abstract": citation.abstract,
            "type": citation.type,
        }
    return {name: value for name, value in said.items() if value}


def _manifest(facts: Facts) -> Manifest | None:
    return parse_manifest(facts.source.manifest)[0]


def _parameters(facts: Facts) -> dict[str, str]:
    manifest = _manifest(facts)
    run = manifest.run if manifest else None
    return {name: str(value) for name, value in run.parameters.items()} if run else {}


def _run(facts: Facts) -> dict[str, str]:
    if facts.run is None:
        return {}
    spec, asked = facts.run.spec, facts.run.spec.resources
    gpu = f"{asked.gpu} {asked.gpu_type or ''}".strip() if asked.gpu else ""
    said = {
        "command": _command(spec.command),
        "cpu": f"{asked.cpu:g}",
        "memory": format_bytes(asked.memory),
        "disk": format_bytes(asked.disk),
        "time": format_seconds(asked.time),
        "gpu": gpu,
        "profile": asked.profile or "",
        "network": "yes" if spec.network else "",
    }
    variables = {f"variable {name}": value for name, value in spec.env if not name.startswith(_OURS)}
    return {name: value for name, value in said.items() if value} | variables


def _command(parts: Sequence[str]) -> str:
    return " ".join(part if part and not any(c.isspace() or c in "'\"\\" for c in part) else repr(part) for part in parts)


def _image(facts: Facts) -> dict[str, str]:
    if facts.image is None:
        return {}
    bases = {f"base {base.written}": base.image.digest for base in facts.image.bases}
    return {"digest": facts.image.image.digest, "environment": facts.image.environment_key} | bases


def _packages(facts: Facts) -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for package in facts.image.packages if facts.image else ():
        found.setdefault(f"{package.kind} {package.name}", set()).add(package.version)
    return {name: ", ".join(sorted(versions)) for name, versions in found.items()}


def _inputs(facts: Facts) -> dict[str, str]:
    return {file.path: f"{file.source} ({format_bytes(file.size)}, {_short(file.sha256)})" for file in facts.source.inputs}


def _outputs(facts: Facts) -> dict[str, str]:
    return {
        f"{output.path} (not run by Tagstone)" if output.brought else output.path: (
            f"{format_bytes(output.size)}, {_short(output.sha256)}"
        )
        for output in facts.outputs
    }


def _short(sha256: str) -> str:
    # Enough of it that two files of one name are never taken for the same by chance.
    return f"sha256:{sha256[:16]}"


def _machine(facts: Facts) -> dict[str, str]:
    if facts.run is None:
        return {}
    status = facts.run.status
    said = {"runner": facts.run.runner, "engine": status.engine, "isolation": status.isolation.value}
    if status.granted is not None:
        had = status.granted
        said |= {"processor": had.cpu_model or "", "cores": f"{had.cpu_limit or had.cpus_visible:g}", "kernel": had.kernel}
        said |= {"architecture": had.architecture, "gpus": ", ".join(had.gpus)}
        memory = had.memory_limit or had.memory_total
        said |= {"memory": format_bytes(memory) if memory else ""}
    return {name: value for name, value in said.items() if value}


def _warnings(facts: Facts) -> dict[str, str]:
    waived = {f"waived secret: {name}": "" for name in facts.secrets_waived}
    return dict.fromkeys(facts.source.warnings, "") | waived
