"""Commands for authors before anything is published: check."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tagstone.cli.exit_codes import ExitCode
from tagstone.cli.opening import application_of
from tagstone.cli.output import Json, Output, answering, tell, tell_error
from tagstone.cli.placing import placed
from tagstone.cli.repeating import repeat
from tagstone.cli.safe_text import visible, visible_lines
from tagstone.errors import Invalid, NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tagstone.actions.check import CheckReport
    from tagstone.bootstrap import Application
    from tagstone.domain.deposits.destination import Destination
    from tagstone.domain.manifests.manifest import Manifest
    from tagstone.domain.publications.policy import Policy
    from tagstone.domain.reading.faults import Fault
    from tagstone.domain.runs.repeatability import Repetition


def check(
    context: typer.Context,
    repository: Annotated[str, typer.Argument(metavar="REPO", help="A local Git repository.")] = ".",
    ref: Annotated[
        str | None, typer.Option(metavar="REF", help="A tag or branch; without it the work tree as it is.", show_default=False)
    ] = None,
    fix: Annotated[
        bool,
        typer.Option(
            "--fix",
            help="Write what can be found out: the sha256 of inputs into tagstone.yml, and tagstone.lock with the base and packages of the newest image built from this.",
        ),
    ] = False,
    twice: Annotated[
        bool,
        typer.Option("--twice", help="Build it, run it twice, and name the outputs that differ, with what to do about each."),
    ] = False,
    cluster: Annotated[
        bool,
        typer.Option(
            "--cluster", help="Ask the cluster too whether any of its nodes could ever run it; nothing is made there."
        ),
    ] = False,
    citation: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Judge this citation file alone.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """Find all faults of manifest, citation and repository.

    Everything that would stop or spoil a publication is told at once, before anything is built: where, what, and what to do.
    Faults end with exit code 3; warnings do not. Outputs that differ between two runs end with exit code 10.
    """
    if fix and ref is not None:
        raise typer.BadParameter("--fix writes into the work tree; leave --ref out.")
    if citation is not None and (fix or twice or cluster or ref is not None):
        raise typer.BadParameter("--citation judges one file; leave --fix, --twice, --cluster and --ref out.")
    if fix and twice:
        raise typer.BadParameter("--fix changes what --twice would run: use one after the other.")
    with answering(json=json) as output:
        if citation is not None:
            judge(output, {"file": str(citation)}, _citation_faults(citation))
            return
        from tagstone.actions.check import check as examine

        application = application_of(context)
        policy = _policy(application, repository)
        report = examine(application.forge, repository, ref, policy)
        fixed = _fix(application, report) if fix else {}
        if fixed.get("inputs"):
            report = examine(application.forge, repository, ref, policy)
        repetition = repeat(application, report) if twice and not report.errors else None
        about: dict[str, object] = {"project": report.project.name, "ref": report.commit.ref, "commit": report.commit.sha}
        going = _destination(application, report)
        there = placed(application, report) if cluster else None
        faults = (*report.faults, *(going.faults if going else ()), *(there.faults if there else ()))
        about |= {"environment_from": list(report.environment_from), "deposit": going.as_json() if going else None}
        about |= {"cluster": there.as_json()} if there else {}
        said = [one.as_text() for one in (going, there) if one]
        judge(output, about | fixed, faults, repetition, [line for line in said if line])


def _policy(application: "Application", repository: str) -> "Policy":
    """The site's policy, with the caps of a project that is registered here."""
    if not application.settings.forges:
        return application.policy
    from tagstone.domain.runs.caps import load
    from tagstone.store import projects, registrations

    with application.sessions.read() as session:
        row = projects.find(session, application.forge.identify(repository).key)
        registration = registrations.of_project(session, row.id) if row else None
    return application.policy.capped(load(registration.caps)) if registration else application.policy


def _citation_faults(file: Path) -> "Sequence[Fault]":
    from tagstone.actions.check import check_citation
    from tagstone.domain.reading.yaml_text import MAX_BYTES

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
    """Write the checksums of inputs and the lock that is offered, unless there are faults to mend first."""
    from tagstone.actions.check import fix
    from tagstone.actions.offer_lock import offer_lock
    from tagstone.domain.environments.lock import FILE

    nothing: dict[str, object] = {"inputs": [], "lock": None, "lock_changed": False}
    if report.manifest is None:
        return nothing
    inputs = _fix_inputs(application, report, report.manifest)
    try:
        with application.sessions.read() as session:
            lock = offer_lock(session, report.project, report.manifest)
    except NotFound:
        if not inputs:
            raise
        return nothing | {"inputs": inputs}
    folder = Path(report.project.location)
    return {"inputs": inputs, "lock": str(folder / FILE), "lock_changed": fix(folder, lock)}


def _fix_inputs(application: "Application", report: "CheckReport", manifest: "Manifest") -> list[dict[str, object]]:
    """Fetch inputs that have no checksum yet, with progress on stderr, and write what they have into the manifest."""
    if all(item.sha256 for item in manifest.inputs):
        return []
    from tagstone.actions.fetch_inputs import Fetching
    from tagstone.actions.fix_inputs import fix_inputs
    from tagstone.domain.runs.hardware import format_bytes

    folder = report.project.location
    fetching = Fetching(
        application.downloads,
        application.storage,
        application.clock,
        application.scratch,
        folder,
        lambda line: tell(visible(line)),
    )
    fixed = fix_inputs(fetching, Path(folder), manifest)
    for one in fixed:
        if one.error is not None:
            tell_error(f"{visible(one.to)}: {visible(one.error.message)}", visible(one.error.remedy), [])
        else:
            tell(f"{visible(one.to)}: {format_bytes(one.size)}, sha256 {one.sha256}: written into tagstone.yml")
    return [
        {
            "to": one.to,
            "from": one.source,
            "size": one.size if one.error is None else None,
            "sha256": one.sha256 or None,
            "error": one.error.message if one.error else None,
        }
        for one in fixed
    ]


def _destination(application: "Application", report: "CheckReport") -> "Destination | None":
    """Where the record would go; the local depository takes everything, and nobody is asked."""
    from tagstone.domain.deposits.destination import LOCAL, Destination

    if report.manifest is None:
        return None
    if report.manifest.deposit.to == LOCAL:
        review = application.policy.review(report.manifest.deposit)
        return Destination(LOCAL, LOCAL, "this installation", review=review, asked=True)
    from tagstone.actions.check_account import check_account

    return check_account(application.accounts, application.policy, report)


def judge(
    output: Output,
    about: dict[str, object],
    faults: "Sequence[Fault]",
    repetition: "Repetition | None" = None,
    going: "Sequence[str]" = (),
) -> None:
    """Answer with every fault; end with exit code 3 when one of them stops a publication, with 10 when two runs differ."""
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
    data = about | {"ok": not stopping, "faults": listed} | ({"twice": repetition.as_json()} if repetition else {})
    repeated = f"\n{visible_lines(repetition.as_text())}" if repetition else ""
    output.answer(data, lambda: _told(about, faults, going) + repeated)
    if stopping:
        raise typer.Exit(int(ExitCode.INVALID))
    if repetition and repetition.verdict == "different":
        raise typer.Exit(int(ExitCode.DIFFERENT))


def _told(about: dict[str, object], faults: "Sequence[Fault]", going: "Sequence[str]") -> str:
    lines = []
    for fault in sorted(faults, key=lambda fault: fault.warning):
        where = fault.file if fault.line is None else f"{fault.file}:{fault.line}"
        lines.append(f"{'warning' if fault.warning else 'error'}: {visible(where)}: {visible(fault.message)}")
        lines.append("  → " + visible_lines(fault.remedy).rstrip("\n").replace("\n", "\n    "))
    if about.get("lock"):
        lines.append(
            f"{visible(str(about['lock']))} {'is written: commit it' if about['lock_changed'] else 'is as it should be'}"
        )
    if isinstance(files := about.get("environment_from"), list) and files:
        lines.append(f"environment from {', '.join(visible(str(path)) for path in files)}")
    lines += map(visible, going)
    errors = sum(not fault.warning for fault in faults)
    warnings = len(faults) - errors
    counted = [
        f"{number} {name}{'' if number == 1 else 's'}" for number, name in ((errors, "error"), (warnings, "warning")) if number
    ]
    lines.append(", ".join(counted) if counted else "all is well")
    return "\n".join(lines)
