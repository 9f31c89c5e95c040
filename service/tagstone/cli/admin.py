"""Commands of admins: what was done, and what the service has to prove itself with."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from tagstone.cli.keeping import table
from tagstone.cli.opening import application_of
from tagstone.cli.output import Json, answering, tell
from tagstone.domain.people.deed import Deed
from tagstone.errors import Temporary

if TYPE_CHECKING:
    from tagstone.domain.credentials.credential import Known
    from tagstone.store.tables import Audit

_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
_HELD = ("name", "scope", "place", "expires_at", "used_at", "fault")
_SHOWN = ("deed", "by", "from", "subject", "detail")


def audit(
    context: typer.Context,
    deed: Annotated[
        Deed | None, typer.Option(metavar="DEED", help="What was done, such as approved.", show_default=False)
    ] = None,
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Who did it.", show_default=False)] = None,
    about: Annotated[
        str | None, typer.Option(metavar="SUBJECT", help="To what: a publication's id, a project's path.", show_default=False)
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=_FORMATS, metavar="TIME", help="From this day or time on (UTC).", show_default=False),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(formats=_FORMATS, metavar="TIME", help="Before this day or time (UTC).", show_default=False),
    ] = None,
    after: Annotated[
        int | None, typer.Option(metavar="ENTRY", help="Only entries after this one, for copies.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many, the newest.")] = 50,
    json: Json = False,
) -> None:
    """List who did what, when, and from where; newest first.

    Entries are written together with what they tell of, and the database refuses to change or to remove them. From where is api, page,
    command (by the user of this system), job (by who started the pipeline), or service for what it does by itself.
    """
    with answering(json=json) as output:
        from tagstone.store import audit as log
        from tagstone.store.audit import Wanted

        wanted = Wanted(deed, by, about, _seconds(since), _seconds(until), after)
        with application_of(context).sessions.read() as session:
            found = [_entry(row) for row in log.newest(session, wanted, limit)]
        shown = [{"entry": one["entry"], "at": moment(one["at"])} | {name: one[name] for name in _SHOWN} for one in found]
        output.answer({"entries": found}, lambda: table(("ENTRY", "WHEN", *(name.upper() for name in _SHOWN)), shown))


def moment(seconds: object) -> str:
    """A time in UTC, to the second; empty for what is none."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}" if isinstance(seconds, int | float) else ""


def day(seconds: object) -> str:
    """The day of a time in UTC; empty for what is none."""
    return moment(seconds)[:10]


def _seconds(time: datetime | None) -> float | None:
    return None if time is None else time.replace(tzinfo=UTC).timestamp()


def _entry(row: "Audit") -> dict[str, object]:
    return {
        "entry": row.id,
        "at": row.at,
        "deed": row.deed,
        "by": row.actor,
        "person": row.person,
        "from": row.origin,
        "subject": row.subject,
        "detail": row.detail,
    }


def credentials(
    context: typer.Context,
    look: Annotated[bool, typer.Option("--look", help="Ask each server about its credential first.")] = False,
    json: Json = False,
) -> None:
    """List every credential that the service has.

    What each lets do, where it is kept, until when it is good, and when it was used last, as far as that is known; never the
    credential itself. A worker asks once a day what each is worth, and admins are warned by mail 30, 7 and 1 days before one ends.
    """
    with answering(json=json) as output:
        looking = application_of(context).credentials.looking()
        if look:
            for one in looking.held():
                try:
                    looking.look(one)
                except Temporary as error:
                    tell(f"{one.name} could not be looked at: {error.message}")
        found = [_credential(known) for known in looking.listing()]
        times = ("expires_at", "used_at")
        shown = [
            {name: day(value) if name in times else value for name, value in one.items() if name in _HELD} for one in found
        ]
        output.answer({"credentials": found}, lambda: table(("NAME", "SCOPE", "PLACE", "EXPIRES", "USED", "FAULT"), shown))


def _credential(known: "Known") -> dict[str, object]:
    one = known.credential
    return {
        "name": one.name,
        "scope": one.scope,
        "place": one.place,
        "expires_at": known.expires_at,
        "used_at": known.used_at,
        "looked_at": known.looked_at,
        "may": known.may,
        "fault": known.fault,
    }
