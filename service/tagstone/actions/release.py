"""Releasing a deposit: asked once, of the depository or of a community's curators; then looked at until it is there."""

from dataclasses import dataclass

from tagstone.actions.journal import Journal
from tagstone.domain.deposits.deposit import Deposit, DepositState
from tagstone.domain.runs.hardware import format_seconds
from tagstone.errors import Away, NotFound, Permanent, TagstoneError, Temporary
from tagstone.ports import DepositAccount
from tagstone.store import asked


@dataclass(frozen=True)
class Pending:
    """It was asked for and is not there yet; `person`: it is for people to decide."""

    reason: str
    person: bool = False


def release(
    account: DepositAccount, journal: Journal, deposit_id: str, community: str | None, patience: float
) -> Deposit | Pending:
    """The record, once it is published: looks, asks where that was never answered, and looks again.

    `patience` is how many seconds a publication that was asked for is looked for before a person is told.

    Raises:
        NotFound: there is no such deposit.
        Away: it was never asked, call again. Temporary: call again to look.
        Permanent, Conflict, Invalid, Forbidden: the depository or the curators refused, or patience ended.
    """
    before = journal.find(asked.PUBLISH)
    found = account.depository.find(deposit_id)
    if found.state is DepositState.MISSING and before is None:
        raise NotFound(f"The draft {deposit_id} is gone.", remedy="Retry the publication: it gets a new draft and identifier.")
    declined = found.state is DepositState.DECLINED and before is not None
    # Killed in the middle of asking: it is known by now whether it happened, so asking again is no second question.
    if found.state.open and not declined and (before is None or before.answer is None):
        _ask(account, journal, deposit_id, community)
        found = account.depository.find(deposit_id)
    return _standing(journal, found, community, patience)


def _ask(account: DepositAccount, journal: Journal, deposit_id: str, community: str | None) -> None:
    """Ask, and write down what came of it: nothing where it never arrived, so that it is asked again."""
    journal.ask(asked.PUBLISH, community or "")
    try:
        if community is not None:
            account.curation.submit(deposit_id, community)
        else:
            account.depository.publish(deposit_id)
    except Away:
        journal.forget(asked.PUBLISH)
        raise
    except (Temporary, NotFound) as error:
        if community is not None:
            raise  # Asked again it is the same question.
        # A 404, a 500, a time-out: all of them were seen on publications that had happened.
        journal.answer(asked.PUBLISH, f"no answer: {error.message}")
    except TagstoneError:
        if account.depository.find(deposit_id).state is not DepositState.PUBLISHED:
            journal.forget(asked.PUBLISH)
            raise
    else:
        journal.answer(asked.PUBLISH, "asked")


def _standing(journal: Journal, found: Deposit, community: str | None, patience: float) -> Deposit | Pending:
    match found.state:
        case DepositState.PUBLISHED:
            if journal.find(asked.PUBLISHED) is None:
                journal.ask(asked.PUBLISHED)
            journal.answer(asked.PUBLISHED, found.doi or found.id)
            return found
        case DepositState.SUBMITTED:
            return Pending(f"waits for the curators of {community or 'a community'}: {found.url}", person=True)
        case DepositState.DECLINED:
            raise _declined(journal.publication, found, community)
        case DepositState.WITHDRAWN:
            raise Permanent(
                f"The record {found.doi or found.id} was withdrawn at the depository.", remedy="Publish a new version."
            )
        case _:
            return _unseen(journal, found, patience)


def _unseen(journal: Journal, found: Deposit, patience: float) -> Pending:
    """It was asked for and cannot be seen. Raises: Permanent when patience has ended."""
    # Counted from the first look, not from the question: an outage may lie between them.
    since = journal.find(asked.PUBLISHED) or journal.ask(asked.PUBLISHED)
    if journal.clock.now() - since.asked_at < patience:
        return Pending(f"was asked to be published, and is not seen yet: {found.url or found.id}")
    where = f"Look at {found.url}" if found.url else f"Look for {found.id} at the depository"
    raise Permanent(
        f"{found.id} was asked to be published and is still not seen after {format_seconds(patience)}: it is {found.state}.",
        remedy=f"{where}. Whether it is published there or still a draft, `tagstone retry {journal.publication}` looks first, "
        "and only asks once more where it is a draft.",
    )


def _declined(publication: str, found: Deposit, community: str | None) -> Permanent:
    return Permanent(
        f"The curators of {community or 'the community'} declined it: nothing is published, and the draft is kept.",
        remedy=f"Their reasons are at {found.url}. Where nothing has to change, `tagstone retry {publication}` asks them again; "
        f"for a mended commit let the tag move and publish with --supersede; `tagstone cancel {publication}` is not needed.",
    )
