"""Getting at the application: its settings, read once and with faults told by the names of their variables."""

from typing import TYPE_CHECKING, cast

import typer

from tagstone.domain.reading.faults import Fault
from tagstone.errors import Invalid

if TYPE_CHECKING:
    from tagstone.bootstrap import Application
    from tagstone.store.tables import Publication


def open_application() -> "Application":
    """The application as the settings describe it. Raises: Invalid when a setting is wrong."""
    from pydantic import ValidationError

    from tagstone.bootstrap import Application
    from tagstone.settings import Settings
    from tagstone.variables import NotJson

    try:
        return Application(Settings())
    except ValidationError as error:
        # Values are left out of the messages: one of them may be a database URL with its password.
        faults = [
            Fault(
                "TAGSTONE_" + "__".join(map(str, one["loc"])).upper().replace("-", "_"),
                f"{one['msg']}.",
                one.get("ctx", {}).get("remedy", "Correct or unset it."),
            )
            for one in error.errors(include_input=False, include_url=False)
        ]
    except NotJson:
        faults = [
            Fault("TAGSTONE_*", "A group of settings is given as something other than JSON.", "Set its fields one by one.")
        ]
    raise Invalid(
        f"A setting is wrong: {faults[0]}", remedy="Correct the TAGSTONE_* variables or etc/tagstone.env.", faults=faults
    )


def application_of(context: typer.Context) -> "Application":
    """The application of this command; whoever invokes the command line may bring their own opener as the context's object."""
    return cast("Application", (context.obj or open_application)())


def named(application: "Application", text: str) -> "Publication":
    """The publication that a person means by an id, DOI, tag or record URL. Raises: NotFound, Conflict."""
    from tagstone.store import publications

    with application.sessions.read() as session:
        return publications.identify(session, text)
