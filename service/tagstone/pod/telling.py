"""What is said to the desk, and what it answers."""

from dataclasses import asdict

from tagstone.domain.runs.plan import Orders
from tagstone.domain.runs.told import Keeping, Problem, Staging
from tagstone.errors import Invalid, NotFound, Permanent, TagstoneError
from tagstone.pod.desk_client import Desk

_KINDS: tuple[tuple[type[TagstoneError], str], ...] = ((Invalid, "invalid"), (NotFound, "not-found"), (Permanent, "permanent"))


def tell(desk: Desk, said: Staging | Keeping) -> Orders | None:
    """Say how it stands; None where the desk is away. Raises: what it refuses."""
    orders = desk.tell(_place(said), asdict(said))
    return None if orders is None else Orders(**orders)


def insist(desk: Desk, said: Staging | Keeping) -> Orders:
    """Say how it stands until it was heard. Raises: Temporary when patience ended, what the desk refuses."""
    return Orders(**desk.ask("POST", _place(said), asdict(said)))


def problem_of(error: TagstoneError | OSError) -> Problem:
    """What is told of an error."""
    if isinstance(error, OSError):
        return Problem("temporary", f"The pod's volumes failed: {error.strerror}.", "It is tried again by itself.")
    kind = next((name for kind, name in _KINDS if isinstance(error, kind)), "temporary")
    return Problem(kind, error.message, error.remedy)


def _place(said: Staging | Keeping) -> str:
    return "staging" if isinstance(said, Staging) else "keeping"
