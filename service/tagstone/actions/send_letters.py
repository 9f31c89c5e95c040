"""Send the letters that are owed: each is written down before it is sent, and again when it was."""

from collections.abc import Callable

from tagstone.domain.publications import record
from tagstone.domain.publications.letter import Event, Subject, write
from tagstone.domain.publications.publication import State
from tagstone.domain.publications.waiting import Durations
from tagstone.errors import TagstoneError, Temporary
from tagstone.ports import Clock, Mail
from tagstone.store import letters
from tagstone.store.session import Sessions
from tagstone.store.tables import Letter, Publication

_AT_ONCE = 20
# A letter about what is not so any more would only confuse.
_STILL = {Event.REVIEW: (State.WORKING,), Event.CURATORS: (State.WORKING,), Event.FAILED: (State.FAILED,)}


def send_letters(
    sessions: Sessions, mail: Mail, clock: Clock, durations: Durations, url: str, tell: Callable[[str], None]
) -> None:
    """Send what is due now. A server that is away is asked again later, after the longest wait of all only is a letter given up.

    `url` is the address of the pages, `tell` logs what could not be sent; addresses are never logged.
    """
    with sessions.read() as session:
        waiting = letters.due(session, clock.now(), _AT_ONCE)
    for letter, row in waiting:
        if not _send(sessions, mail, clock.now(), durations, url, tell, letter, row):
            return


def _send(
    sessions: Sessions,
    mail: Mail,
    now: float,
    durations: Durations,
    url: str,
    tell: Callable[[str], None],
    letter: Letter,
    row: Publication,
) -> bool:
    """Send one letter; False when the server is away, and the others may wait too."""
    event = Event(letter.event)
    try:
        outcome = _outcome(mail, event, url, letter, row)
    except Temporary as error:
        tell(f"the letter about {row.id} waits: {error.message}")
        with sessions.write() as session:
            if now - letter.owed_at > durations.outage:
                letters.settle(session, letter.id, letters.GIVEN_UP)
            else:
                letters.postpone(session, letter.id, now + durations.before_retry(letter.tries + 1, error.delay))
        return False
    except TagstoneError as error:
        tell(f"the letter about {row.id} cannot be sent: {error.message}")
        outcome = letters.REFUSED
    with sessions.write() as session:
        letters.settle(session, letter.id, outcome)
    return True


def _outcome(mail: Mail, event: Event, url: str, letter: Letter, row: Publication) -> str:
    current = letter.attempt == row.attempt and row.state in _STILL.get(event, tuple(State))
    if row.contact is None or not current:
        return letters.OUTDATED
    return letters.SENT if mail.send(row.contact, *write(event, _about(row, url))) else letters.NO_MAIL


def _about(row: Publication, url: str) -> Subject:
    deposit = record.load(row.facts.encode()).deposit if row.facts else None
    draft = deposit.url if deposit is not None and State(row.state) is not State.PUBLISHED else ""
    place = "records" if State(row.state) in (State.PUBLISHED, State.WITHDRAWN) else "publications"
    return Subject(
        publication=row.id,
        project=row.project.name,
        ref=row.ref,
        page=f"{url}/{place}/{row.id}",
        title=row.title or "",
        doi=row.doi or "",
        registered=bool(deposit and deposit.registered),
        draft=draft,
        error=row.error or "",
        remedy=row.remedy or "",
        drift=row.drift or "",
        reason=row.withdrawn_because or "",
    )
