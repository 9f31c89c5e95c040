"""Commands for authors before anything is published: check."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tagstone.cli.exit_codes import ExitCode
from tagstone.cli.opening import application_of
from tagstone.cli.output import Json, Output, answering
from tagstone.cli.safe_text import visible, visible_lines
from tagstone.errors import Invalid, NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tagstone.actions.check import CheckReport
    from tagstone.bootstrap import Application
    from tagstone.domain.faults import Fault


def check(
    context: typer.Context,
    repository: Annotated[str, typer.Argument(metavar="REPO", help="A local Git repository.")] = ".",
    ref: Annotated[
        str | None, typer.Option(metavar="REF", help="A tag or branch; without it the work tree as it is.", show_default=False)
    ] = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="Write tagstone.lock: the base and packages of the newest image built from this.")
    ] = False,
    citation: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Judge this citation file alone.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """Find all faults of manifest, citation and repository.

    Everything that would stop or spoil a publication is told at once, before anything is built: where, what, and what to do.
    Faults end with exit code 3; warnings do not.
    """
    if fix and ref is not None:
        raise typer.BadParameter("--fix writes into the work tree; leave --ref out.")
    if citation is not None and (fix or ref is not None):
        raise typer.BadParameter("--citation judges one file; leave --fix and --ref out.")
    with answering(json=json) as output:
        if citation is not None:
            _judge(output, {"file": str(citation)}, _citation_faults(citation))
            return
        from tagstone.actions.check import check as examine

        application = application_of(context)
        report = examine(application.forge, repository, ref, application.policy)
        locked = _fix(application, report) if fix else {}
        about = {"project": report.project.name, "ref": report.commit.ref, "commit": report.commit.sha}
        _judge(output, about | locked, report.faults)


def _citation_faults(file: Path) -> "Sequence[Fault]":
    from tagstone.actions.check import check_citation
    from tagstone.domain.yaml_text import MAX_BYTES

    if not file.is_file():
        raise NotFound(f"{file} is no file.", remedy="Give the path of a CITATION.cff or codemeta.json.")
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}.", remedy="Look at its rights.") from None
    if len(data) > MAX_BYTES:
        raise Invalid(f"{file} is larger than 1 MiB.", remedy="A citation file only describes; keep data out of it.")
    return check_citation(data, file.name)


def _fix(application: "Application", report: "CheckReport") -> dict[str, object]:
    """Write the lock that is offered, unless there are faults to mend first."""
    from tagstone.actions.check import fix
    from tagstone.actions.offer_lock import offer_lock
    from tagstone.domain.lock import FILE

    if report.manifest is None:
        return {"lock": None, "lock_changed": False}
    with application.sessions.read() as session:
        lock = offer_lock(session, report.project, report.manifest)
    folder = Path(report.project.location)
    return {"lock": str(folder / FILE), "lock_changed": fix(folder, lock)}


def _judge(output: Output, about: dict[str, object], faults: "Sequence[Fault]") -> None:
    """Answer with every fault; end with exit code 3 when one of them stops a publication."""
    stopping = [fault for fault in faults if not fault.warning]
    listed = [
        {
            "file": fault.file,
            "line": fault.line,
            "message": fault.message,
            "remedy": fault.remedy,
            "severity": "warning" if fault.warning else "error",
        }
        for fault in faults
    ]
    output.answer(about | {"ok": not stopping, "faults": listed}, lambda: _told(about, faults))
    if stopping:
        raise typer.Exit(int(ExitCode.INVALID))


def _told(about: dict[str, object], faults: "Sequence[Fault]") -> str:
    lines = []
    for fault in sorted(faults, key=lambda fault: fault.warning):
        where = fault.file if fault.line is None else f"{fault.file}:{fault.line}"
        lines.append(f"{'warning' if fault.warning else 'error'}: {visible(where)}: {visible(fault.message)}")
        lines.append("  → " + visible_lines(fault.remedy).rstrip("\n").replace("\n", "\n    "))
    if about.get("lock"):
        lines.append(
            f"{visible(str(about['lock']))} {'is written: commit it' if about['lock_changed'] else 'is as it should be'}"
        )
    errors = sum(not fault.warning for fault in faults)
    warnings = len(faults) - errors
    counted = [
        f"{number} {name}{'' if number == 1 else 's'}" for number, name in ((errors, "error"), (warnings, "warning")) if number
    ]
    lines.append(", ".join(counted) if counted else "all is well")
    return "\n".join(lines)
