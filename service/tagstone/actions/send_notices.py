"""Send letters about what is no publication, such as requests for registration: each is settled when it was sent."""

from collections.abc import Callable

from tagstone.domain.publications.waiting import Durations
from tagstone.errors import TagstoneError, Temporary
from tagstone.ports import Clock, Mail
from tagstone.store import letters, notices
from tagstone.store.session import Sessions

_AT_ONCE = 20


def send_notices(sessions: Sessions, mail: Mail, clock: Clock, durations: Durations, tell: Callable[[str], None]) -> None:
    """Send what is due now; a server that is away is asked again later, ever less often, and given up after the longest wait of all.

    `tell` logs what could not be sent; addresses are never logged.
    """
    now = clock.now()
    with sessions.read() as session:
        waiting = notices.due(session, now, _AT_ONCE)
    for notice in waiting:
        try:
            outcome = letters.SENT if mail.send(notice.address, notice.subject, notice.text) else letters.NO_MAIL
        except Temporary as error:
            tell(f"{notice.subject}: {error.message}")
            with sessions.write() as session:
                if now - notice.owed_at > durations.outage:
                    notices.settle(session, notice.id, letters.GIVEN_UP)
                else:
                    notices.postpone(session, notice.id, now + durations.before_retry(notice.tries + 1, error.delay))
            return
        except TagstoneError as error:
            tell(f"{notice.subject}: {error.message}")
            outcome = letters.REFUSED
        with sessions.write() as session:
            notices.settle(session, notice.id, outcome)
