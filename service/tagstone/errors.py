"""The one error tree; every error says what happened, why, and what to do.

    TagstoneError
    ├── Invalid            the input is wrong; the same input will fail again
    ├── NotFound           the thing asked for does not exist (or may not be seen)
    ├── Conflict           the request contradicts something that is already true
    ├── Forbidden          policy or permission says no
    │   └── Unproven           who asks did not prove who they are
    ├── Temporary(delay)   the outside is in trouble; the same call may work later
    │   └── Away           the outside cannot be reached, or asks for patience; waiting costs nothing but time
    └── Permanent          the outside answered, and the answer will not change
        └── RunFailed      the analysis itself ended badly; never retried by itself

The command line maps it to exit codes, the API to problem+json, the workflow to retries: one table each, at the edge.
"""

from collections.abc import Sequence


class TagstoneError(Exception):
    """Something that a person has to hear about, with a remedy they can act on."""

    def __init__(self, message: str, *, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.message, {k: v for k, v in self.__dict__.items() if k != "message"})

    def __str__(self) -> str:
        return self.message


def _rebuild(kind: type[TagstoneError], message: str, attributes: dict[str, object]) -> TagstoneError:
    error = kind.__new__(kind, message)
    Exception.__init__(error, message)
    error.message = message
    error.__dict__.update(attributes)
    return error


class Invalid(TagstoneError):
    """The input is wrong; `faults` lists everything that was found, not only the first."""

    def __init__(self, message: str, *, remedy: str, faults: Sequence[object] = ()) -> None:
        super().__init__(message, remedy=remedy)
        self.faults = tuple(faults)


class NotFound(TagstoneError):
    """The thing asked for does not exist, or may not be seen."""


class Conflict(TagstoneError):
    """The request contradicts something that is already true."""


class Forbidden(TagstoneError):
    """Policy or permission says no."""


class Unproven(Forbidden):
    """Who asks did not prove who they are, or the proof is not good any more."""


class Temporary(TagstoneError):
    """The outside is in trouble; the same call may work after `delay` seconds."""

    def __init__(self, message: str, *, remedy: str = "It is tried again by itself.", delay: float = 5.0) -> None:
        super().__init__(message, remedy=remedy)
        self.delay = delay


class Away(Temporary):
    """The outside cannot be reached or asks for patience: waiting is no failed try."""


class Permanent(TagstoneError):
    """The outside answered, and the same call will be answered the same again."""


class RunFailed(Permanent):
    """The analysis itself ended badly: `kind` says how; retrying without a change will not help."""

    def __init__(self, message: str, *, remedy: str, kind: str) -> None:
        super().__init__(message, remedy=remedy)
        self.kind = kind
