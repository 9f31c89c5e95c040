"""Errors of this machine and of the database, told in our words when they reach a command."""

import sys

from tagstone.errors import Permanent, TagstoneError, Temporary


def translated(error: Exception) -> TagstoneError | None:
    """Our error for a foreign one that a person can do something about; None for a defect.

    The first line of a driver's message is safe to show: drivers leave passwords out, the lines after it may quote statements.
    """
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return Permanent(
            f"{where}{error.strerror or type(error).__name__}.",
            remedy="Look at rights and room of the disk; `tagstone doctor` examines this machine.",
        )
    # Only a module that is loaded can have raised it.
    sqlalchemy = sys.modules.get("sqlalchemy.exc")
    if sqlalchemy is not None and isinstance(error, sqlalchemy.OperationalError):
        first = str(error.orig).strip().partition("\n")[0]
        return Temporary(
            f"The database cannot be used: {first}.", remedy="`tagstone doctor` names the database and examines it."
        )
    return None
