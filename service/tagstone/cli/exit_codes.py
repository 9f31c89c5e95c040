"""The one table from errors to exit codes: for a command that fails and for a publication that did."""

from enum import IntEnum

from tagstone.domain.publications.publication import State
from tagstone.errors import Conflict, Forbidden, Invalid, NotFound, Permanent, RunFailed, Temporary


class ExitCode(IntEnum):
    """What a command's exit code says."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    INVALID = 3
    NOT_FOUND = 4
    CONFLICT = 5
    FORBIDDEN = 6
    TEMPORARY = 7
    PERMANENT = 8
    RUN_FAILED = 9
    DIFFERENT = 10
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.OK: "all is well",
    ExitCode.UNEXPECTED: "a defect of Tagstone itself",
    ExitCode.USAGE: "the command line is wrong",
    ExitCode.INVALID: "the input is wrong: manifest, citation, repository or settings",
    ExitCode.NOT_FOUND: "what was asked for does not exist",
    ExitCode.CONFLICT: "it contradicts something that is already true, or it was cancelled or superseded",
    ExitCode.FORBIDDEN: "policy or permission says no",
    ExitCode.TEMPORARY: "the outside is in trouble; the same command may work later",
    ExitCode.PERMANENT: "the outside said no, or this machine lacks something (see `tagstone doctor`)",
    ExitCode.RUN_FAILED: "the analysis itself failed",
    ExitCode.DIFFERENT: "`reproduce`, `verify` or `check --twice` found something different",
    ExitCode.INTERRUPTED: "interrupted from the keyboard; the work goes on",
}

# The first class that fits counts, so a narrower one stands before the wider.
_ERRORS: tuple[tuple[type[Exception], ExitCode], ...] = (
    (Invalid, ExitCode.INVALID),
    (NotFound, ExitCode.NOT_FOUND),
    (Conflict, ExitCode.CONFLICT),
    (Forbidden, ExitCode.FORBIDDEN),
    (Temporary, ExitCode.TEMPORARY),
    (RunFailed, ExitCode.RUN_FAILED),
    (Permanent, ExitCode.PERMANENT),
)
_KINDS = {kind.__name__.lower(): code for kind, code in _ERRORS}


def of_error(error: BaseException) -> ExitCode:
    """The exit code of a command that ended with this error."""
    return next((code for kind, code in _ERRORS if isinstance(error, kind)), ExitCode.UNEXPECTED)


def of_publication(state: State, error_kind: str | None) -> ExitCode:
    """The exit code of a command that followed a publication to this end; one that goes on is no failure."""
    from tagstone.domain.runs.run import Outcome

    if state is State.FAILED:
        if error_kind in set(Outcome):
            return ExitCode.RUN_FAILED
        return _KINDS.get(error_kind or "", ExitCode.UNEXPECTED)
    return ExitCode.CONFLICT if state in (State.CANCELLED, State.SUPERSEDED) else ExitCode.OK
