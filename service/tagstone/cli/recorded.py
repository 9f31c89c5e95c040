"""What commands compare and cite: the facts of a publication of this installation, or of a bundle in any folder."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tagstone.cli.completing import publications
from tagstone.cli.opening import application_of, named
from tagstone.domain.publications.publication import State
from tagstone.errors import Conflict

if TYPE_CHECKING:
    from tagstone.bootstrap import Application
    from tagstone.domain.publications.record import Facts
    from tagstone.store.tables import Publication

HELP = "A publication id, DOI, tag, record URL, or a bundle's folder."
Recorded = Annotated[str, typer.Argument(metavar="ID", help=HELP, show_default=False, autocompletion=publications)]


def bundled(text: str) -> "Facts | None":
    """The facts of the bundle that `text` is a path of, None when it is none. Raises: Invalid."""
    from tagstone.actions.read_bundle import is_bundle, read_bundle

    path = Path(text)
    return read_bundle(path) if is_bundle(path) else None


def folder_of(text: str) -> Path:
    """The folder of the bundle that `text` is a path of."""
    path = Path(text)
    return path if path.is_dir() else path.parent


def recorded(context: typer.Context, text: str) -> "Facts":
    """The facts that a person means. Raises: NotFound, Conflict, Invalid."""
    return bundled(text) or facts_of_row(named(application_of(context), text))


def facts_of_row(row: "Publication") -> "Facts":
    """What was recorded of a publication. Raises: Conflict when nothing was yet, or when it was withdrawn."""
    from tagstone.cli.result import facts_of

    refuse_withdrawn(row)
    facts = facts_of(row)
    if facts is None:
        raise Conflict(f"Nothing is recorded of {row.id} yet.", remedy=f"`tagstone show {row.id}` says how it stands.")
    return facts


def refuse_withdrawn(row: "Publication") -> None:
    """Say kindly that a record is gone. Raises: Conflict when it was withdrawn."""
    if row.state != State.WITHDRAWN:
        return
    day = f"{datetime.fromtimestamp(row.withdrawn_at or 0.0, UTC):%Y-%m-%d}"
    raise Conflict(
        f"{row.doi or row.id} was withdrawn on {day}: {row.withdrawn_because}",
        remedy="Its files are gone, and it is no more to be relied on. Look for a later version: `tagstone list`.",
    )


def recorded_with_bundle(application: "Application", text: str) -> "tuple[Facts, Path | None]":
    """The facts that a person means, and the folder of their bundle where there is one; what is packed there is unpacked.

    Raises: NotFound, Conflict, Invalid, and Temporary where the folder cannot be written.
    """
    facts = bundled(text)
    if facts is not None:
        from tagstone.actions.pack import unpack

        folder = folder_of(text)
        unpack(folder)
        return facts, folder
    row = named(application, text)
    return facts_of_row(row), application.home / row.bundle_key if row.bundle_key else None


def bring_image(application: "Application", facts: "Facts") -> None:
    """Take an image that its deposit leaves out from the registry that keeps it, unless it is here. Raises: NotFound, Invalid."""
    if facts.image is not None and not facts.image.bundled:
        from tagstone.actions.reproduce import pull_image

        pull_image(application.registry, facts.image, application.registry_at)
