"""The card that `show` prints: what, where, which identifier, image and hardware, how each step went, outputs, what to do."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tagstone.cli.progress import duration
from tagstone.cli.result import bundle, facts_of, image, record_url
from tagstone.cli.safe_text import visible, visible_lines
from tagstone.cli.standing import Standing
from tagstone.domain.publications.publication import Kind, State
from tagstone.domain.runs.hardware import Granted, Resources, format_bytes, format_seconds
from tagstone.domain.runs.run import Isolation

if TYPE_CHECKING:
    from rich.table import Table

    from tagstone.bootstrap import Application
    from tagstone.domain.publications.record import Facts
    from tagstone.domain.runs.run import OutputFile
    from tagstone.store.tables import Publication

_SHOWN_OUTPUTS = 50
_SHOWN_RUNS = 30
NOT_REGISTERED = "test identifier, not registered"


def card(application: "Application", standing: Standing, now: float) -> "Table":
    """A publication for people; `now` in seconds since the epoch."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _lines(application, standing, now):
        table.add_row(Text(name), Text(value))
    return table


def _lines(application: "Application", standing: Standing, now: float) -> Iterator[tuple[str, str]]:
    row, facts = standing.publication, facts_of(standing.publication)
    version = f", version {visible(row.version)}" if row.version else ""
    yield row.kind, row.id
    yield "title", visible(row.title or "not read yet") + version
    yield "project", visible(f"{row.project.name} at {row.project.location}")
    yield "tag" if row.kind == Kind.PUBLICATION else "ref", f"{visible(row.ref)} at commit {row.commit}"
    yield "state", _state(row)
    if row.supersedes:
        yield "supersedes", row.supersedes
    yield from _identifiers(row, facts)
    yield from _afterwards(row, facts)
    yield "image", visible(image(row, facts.image.registry if facts and facts.image else "") or "none yet")
    for name, place in (("bundle", bundle(application, row)), ("page", record_url(application, row))):
        if place is not None:
            yield name, visible(place)
    if facts is not None and facts.run is None and State(row.state).done:
        yield "run by", "nobody: nothing was run by Tagstone"
    yield from _hardware(facts)
    yield from _steps(standing, now)
    yield from _asked(standing)
    yield from _announced(standing)
    yield from _outputs(facts.outputs if facts else ())
    for number, name in enumerate(facts.secrets_waived if facts else ()):
        yield "" if number else "waived", visible(name)
    for number, warning in enumerate(facts.source.warnings if facts else ()):
        yield "" if number else "warnings", visible(warning)
    if row.error:
        yield "error", visible_lines(row.error)
    if row.remedy:
        yield "to do", visible(row.remedy)


_ASKED = {
    "draft": "a draft",
    "doi": "its DOI",
    "carry": "the files of the version before",
    "publish": "the release",
    "published": "whether it is published",
    "resolves": "whether the DOI resolves",
    "share": "to share the record",
}


def _asked(standing: Standing) -> Iterator[tuple[str, str]]:
    """What the depository was asked and has not answered; what was answered shows in the rest of the card."""
    for call, asked, answered in standing.asked:
        if answered < asked:
            told = f"{asked - answered} of {asked} files" if call == "file" else _ASKED.get(call, call)
            yield "not answered", told


def _announced(standing: Standing) -> Iterator[tuple[str, str]]:
    """What the forge was told, and what could not be told, or not yet, and why."""
    made = [f"{one.what} {one.event}".strip() for one in standing.announced if one.outcome == "made"]
    if made:
        yield "told GitLab", ", ".join(made)
    for one in standing.announced:
        if one.outcome in ("refused", "given up") or (one.outcome is None and one.reason):
            yield "not told", visible(f"{one.what} {one.event}".strip() + f" ({one.outcome or 'waits'}): {one.reason}")


def _state(row: "Publication") -> str:
    text = row.state
    if row.step:
        text += f" ({row.step})"
    if row.waiting:
        text += f", waiting: {visible(row.waiting)}"
    if row.cancel_requested and row.finished_at is None:
        text += ", is being stopped"
    if row.finished_at is not None:
        text += f" on {datetime.fromtimestamp(row.finished_at, UTC):%Y-%m-%d %H:%M:%S} UTC"
    return text


def _identifiers(row: "Publication", facts: "Facts | None") -> Iterator[tuple[str, str]]:
    if row.kind == Kind.REHEARSAL:
        yield (
            "DOI",
            f"{visible(row.doi)}, which is registered nowhere: this is a rehearsal" if row.doi else "none: this is a rehearsal",
        )
        return
    registered = bool(facts and facts.deposit and facts.deposit.registered)
    note = "" if registered else f" ({NOT_REGISTERED})"
    late = " (registered, does not resolve yet)" if registered and row.state == State.PUBLISHED and not row.resolved_at else ""
    yield "DOI", f"{visible(row.doi)}{note or late}" if row.doi else "none yet"
    if row.concept_doi:
        yield "all versions", f"{visible(row.concept_doi)}{note}"
    if row.owner and facts and facts.deposit:
        yield "owner", visible(f"{row.owner}, at {facts.deposit.depository}")


def _afterwards(row: "Publication", facts: "Facts | None") -> Iterator[tuple[str, str]]:
    """What came after the release."""
    if row.withdrawn_at is not None:
        yield "withdrawn", f"{_day(row.withdrawn_at)}: {visible(row.withdrawn_because or '')}"
    for number, one in enumerate(facts.amendments if facts else ()):
        yield "" if number else "amended", f"{_day(one.at)} by {visible(one.by)}"
    if row.drift:
        yield "differs", visible_lines(row.drift)
    elif row.checked_at is not None and row.state == State.PUBLISHED:
        yield "compared", f"{_day(row.checked_at)}: the depository holds what was sent"


def _day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"


def _hardware(facts: "Facts | None") -> Iterator[tuple[str, str]]:
    if facts is not None and facts.own_host:
        yield "own host", f"{' and '.join(facts.own_host)} on the service's own host, as its admin allows"
    if facts is None or facts.run is None:
        return
    from tagstone.domain.runs.hardware_table import network

    run = facts.run
    yield "asked for", asked(run.spec.resources)
    yield "granted", granted(run.status.granted) if run.status.granted else "not known"
    where = visible(run.status.engine or run.runner) + (
        f", cluster {visible(run.status.cluster)}" if run.status.cluster else ""
    )
    yield "run by", where + (", not isolated" if run.status.isolation is Isolation.NONE else "")
    if run.status.granted and run.status.granted.image_id:
        yield "image as run", visible(run.status.granted.image_id)
    yield "network", network(run)
    ended = f"exit code {run.status.exit_code}" if run.status.exit_code is not None else "no exit code"
    if run.status.started_at is not None and run.status.finished_at is not None:
        ended += f" after {format_seconds(run.status.finished_at - run.status.started_at)}"
    if run.status.peak_memory is not None:
        ended += f", at most {format_bytes(run.status.peak_memory)} of memory"
    yield "ended", ended
    yield from _matrix(facts)


def _matrix(facts: "Facts") -> Iterator[tuple[str, str]]:
    """A line for each run of a matrix."""
    if not facts.matrix:
        return
    from tagstone.domain.runs import matrix_table

    names = matrix_table.names(facts.matrix)
    for number, line in enumerate(matrix_table.lines(facts.matrix)[:_SHOWN_RUNS]):
        values = ", ".join(f"{name}={value}" for name, value in zip(names, line.values, strict=True))
        said = f"{line.number}: {values}  {line.outcome}" + (f" after {line.taken}" if line.taken else "")
        yield "" if number else "runs", visible(said + (f", {line.granted}" if line.granted else ""))
    if len(facts.matrix) > _SHOWN_RUNS:
        yield "", f"and {len(facts.matrix) - _SHOWN_RUNS} more (all with --json)"


def asked(resources: Resources) -> str:
    """Hardware asked for, for people."""
    text = f"{_cores(resources.cpu)}, {format_bytes(resources.memory)} memory, {format_bytes(resources.disk)} disk"
    text += f", {format_seconds(resources.time)}"
    text += f", {resources.gpu} GPU {resources.gpu_type or ''}".rstrip() if resources.gpu else ""
    return text + (f", profile {resources.profile}" if resources.profile else "")


def _cores(number: float) -> str:
    return f"{number:g} core{'' if number == 1 else 's'}"


def granted(hardware: Granted) -> str:
    """Hardware that was there, for people; safe text."""
    cores = hardware.cpu_limit if hardware.cpu_limit is not None else hardware.cpus_visible
    memory = hardware.memory_limit if hardware.memory_limit is not None else hardware.memory_total
    parts = [_cores(cores) + (f" of {hardware.cpu_model}" if hardware.cpu_model else "")]
    parts += [f"{format_bytes(memory)} memory"] if memory is not None else []
    parts += [f"{hardware.architecture}, {hardware.kernel}", *hardware.gpus]
    parts += [f"GPU driver {hardware.gpu_driver}"] if hardware.gpu_driver else []
    parts += [f"node {hardware.node}"] if hardware.node else []
    parts += [f"class of service {hardware.qos}"] if hardware.qos else []
    return visible(", ".join(parts))


def _steps(standing: Standing, now: float) -> Iterator[tuple[str, str]]:
    for number, step in enumerate(standing.steps):
        tries = f", try {step.tries}" if step.tries > 1 else ""
        at = datetime.fromtimestamp(step.started_at, UTC)
        yield "" if number else "steps", f"{step.step:<8} {step.state:<10} {at:%H:%M:%S} {duration(step, now)}{tries}"


def _outputs(outputs: "tuple[OutputFile, ...]") -> Iterator[tuple[str, str]]:
    for number, output in enumerate(outputs[:_SHOWN_OUTPUTS]):
        told = f"{visible(output.path)}  {format_bytes(output.size)}  sha256:{output.sha256}"
        yield "" if number else "outputs", told + ("  (not run by Tagstone)" if output.brought else "")
    if len(outputs) > _SHOWN_OUTPUTS:
        yield "", f"and {len(outputs) - _SHOWN_OUTPUTS} more (all with --json)"
