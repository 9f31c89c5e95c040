"""Look after what is released: whether its DOI resolves, whether it is shared, whether the depository still holds what was sent.

Nothing of this holds a publication up, and none of it changes one: what was seen is written into the row.
"""

from collections.abc import Collection

from tagstone.actions.accounts import Accounts
from tagstone.actions.verify import Finding, VerifyReport, verify_deposit
from tagstone.domain.deposits.deposit import DepositState
from tagstone.domain.publications import record
from tagstone.domain.publications.letter import Event
from tagstone.domain.publications.waiting import Durations
from tagstone.errors import Away, TagstoneError, Temporary
from tagstone.ports import Clock, Resolver
from tagstone.store import aftercare, asked, bundles, letters, publications
from tagstone.store.session import Sessions
from tagstone.store.tables import Asked, Publication

_AT_ONCE = 50
_LONGEST_ANSWER = 1000
_SHOWN = 20


def look_at_dois(sessions: Sessions, resolver: Resolver, clock: Clock, durations: Durations) -> None:
    """Ask where new DOIs lead, ever less often, for as long as it takes. Raises: Away when the resolver gives no answer."""
    for row, _ in _due(sessions, aftercare.RESOLVES, clock.now(), durations):
        try:
            target = resolver.target(row.doi or "")
        except Away:
            _note(sessions, row.id, aftercare.RESOLVES, clock.now(), None)
            raise
        _note(sessions, row.id, aftercare.RESOLVES, clock.now(), target)


def share_records(accounts: Accounts, sessions: Sessions, clock: Clock, durations: Durations) -> None:
    """Share new records with who set their tags, where the depository can. Raises: Temporary when it cannot now."""
    for row, _ in _due(sessions, aftercare.SHARE, clock.now(), durations):
        deposit = record.load((row.facts or "").encode()).deposit
        try:
            account = accounts.of_publication(row.id)
            done = bool(deposit and row.contact) and account.curation.share(deposit.id if deposit else "", row.contact or "")
            answer = "shared" if done else "the depository cannot share it"
        except Temporary:
            _note(sessions, row.id, aftercare.SHARE, clock.now(), None)
            raise
        except TagstoneError as error:
            answer = error.message
        _note(sessions, row.id, aftercare.SHARE, clock.now(), answer)


def compare_oldest(
    accounts: Accounts, sessions: Sessions, clock: Clock, durations: Durations, other_than: Collection[str] = ()
) -> tuple[str, TagstoneError | None] | None:
    """Compare the record that was compared longest ago with what was sent, if it is time; None when none is due.

    The answer is which record it was, and why it could not be compared now.
    """
    with sessions.read() as session:
        row = aftercare.to_compare(session, clock.now() - durations.recheck, other_than)
    if row is None:
        return None
    try:
        found = _difference(accounts, sessions, row)
    except TagstoneError as error:
        return row.id, error
    with sessions.write() as session:
        now, again = clock.now(), publications.get(session, row.id)
        if found is not None and found != again.drift:
            letters.owe_again(session, again, Event.DRIFT, now)
        again.checked_at, again.drift = now, found
    return row.id, None


def _difference(accounts: Accounts, sessions: Sessions, row: Publication) -> str | None:
    """What the depository holds otherwise, in words; None when all is as it was sent. Raises: Away when it cannot be read."""
    deposit = record.load((row.facts or "").encode()).deposit
    if deposit is None:
        return None
    account = accounts.of_publication(row.id)
    state = account.depository.find(deposit.id).state
    if state is not DepositState.PUBLISHED:
        return f"The record is {state} at {deposit.depository}."
    with sessions.read() as session:
        recorded, sent = bundles.files(session, row.id), bundles.deposited(session, row.id)
    report = verify_deposit(account.files, deposit.id, recorded, sent)
    if any(problem.finding is Finding.UNREADABLE for problem in report.problems):
        raise Away(f"The record {deposit.id} cannot be read as a whole now.")
    return None if report.intact else _told(report)


def _told(report: VerifyReport) -> str:
    lines = [str(problem) for problem in report.problems[:_SHOWN]]
    more = len(report.problems) - len(lines)
    return "\n".join([*lines, *([f"and {more} more"] if more else [])])


def _due(sessions: Sessions, call: str, now: float, durations: Durations) -> list[tuple[Publication, Asked]]:
    """What is not answered and was not looked at for a while: the older it is, the longer the while."""
    with sessions.read() as session:
        waiting = aftercare.pending(session, call, _AT_ONCE)
    return [(row, look) for row, look in waiting if now >= look.asked_at + _while(row, look, durations)]


def _while(row: Publication, look: Asked, durations: Durations) -> float:
    return min(durations.resolves, durations.retry + look.asked_at - (row.finished_at or row.created_at))


def _note(sessions: Sessions, publication: str, call: str, now: float, answer: str | None) -> None:
    with sessions.write() as session:
        if answer is None:
            aftercare.looked(session, publication, call, now)
            return
        asked.answer(session, publication, call, now, answer[:_LONGEST_ANSWER])
        if call == aftercare.RESOLVES:
            publications.get(session, publication).resolved_at = now
