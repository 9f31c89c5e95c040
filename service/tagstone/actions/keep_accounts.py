"""Keep accounts at depositories: add, remove, seal anew, and bind projects to them. The caller's session is the unit of work."""

import re
from dataclasses import dataclass

from sqlalchemy.orm import Session

from tagstone.domain.deposits.deposit import Creator, DepositMetadata
from tagstone.domain.people.deed import Actor, Deed
from tagstone.domain.publications.policy import Policy
from tagstone.errors import Away, Conflict, Invalid, NotFound
from tagstone.ports import Depositories, Vault
from tagstone.store import accounts, audit
from tagstone.store.tables import Account, Project

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_TOKEN = re.compile(r"[!-~]{8,4096}")
# Nothing is made of this: it is only asked whether the account might.
_PROBE = DepositMetadata(
    publication="p0000000000000000",
    title="Whether this account may deposit",
    version="1",
    date="2026-01-01",
    creators=(Creator("Tagstone", organisation=True),),
    licences=("MIT",),
)


@dataclass(frozen=True)
class NewAccount:
    """An account to be kept: `owner` says whose it is, in words for people; `token` is its secret."""

    name: str
    depository: str
    owner: str
    token: str

    def __repr__(self) -> str:
        return f"NewAccount(name={self.name!r}, depository={self.depository!r})"


def look_at(depositories: Depositories, policy: Policy, new: NewAccount) -> str | None:
    """Judge a new account, and ask its depository about it; None, or why the depository could not be asked.

    Raises:
        Invalid: name, owner or token are none, or the depository refuses the account.
        NotFound: there is no such depository.
        Conflict: the name is a depository's.
    """
    if new.depository not in policy.depositories:
        known = ", ".join(policy.depositories)
        raise NotFound(f"This site has no depository {new.depository[:64]!r}.", remedy=f"It has: {known}.")
    if new.name in policy.depositories:
        raise Conflict(f"{new.name} is the name of a depository, and of the site's account there.", remedy="Give another name.")
    if not _NAME.fullmatch(new.name):
        raise Invalid(f"{new.name[:64]!r} is no name for an account.", remedy="Take small letters, digits, '-', '_' and '.'.")
    if not new.owner.strip() or not new.owner.isprintable():
        raise Invalid("The owner is empty or has control characters.", remedy="Say whose the account is, in words for people.")
    if not _TOKEN.fullmatch(new.token):
        raise Invalid("This is no token.", remedy="A token is one word of at least eight letters, digits and signs.")
    try:
        faults = refusals(depositories, new.depository, new.name, new.token)
    except Away as away:
        return away.message
    if faults:
        raise Invalid(
            f"{new.depository} refuses the account: {' '.join(faults)}", remedy="Make a token that may deposit, and publish."
        )
    return None


def refusals(depositories: Depositories, depository: str, name: str, token: str | None) -> tuple[str, ...]:
    """Why a depository would refuse what an account deposits; `token` None: the site's own. Raises: NotFound, Forbidden, Away."""
    return depositories.account(depository, name, token).curation.faults(_PROBE)


def add(session: Session, vault: Vault, now: float, new: NewAccount, by: Actor, *, replace: bool) -> bool:
    """Keep an account, its token sealed; False when the token of one that is there was replaced.

    Raises:
        Conflict: there is one, and it is not to be replaced, or is at another depository.
        Forbidden: no key is set to seal with.
    """
    sealed = vault.seal(new.token)
    row, about = accounts.find(session, new.name), f"at {new.depository}, of {new.owner.strip()}"
    if row is None:
        audit.write(session, now, by, Deed.ACCOUNT_ADDED, new.name, about)
        session.add(Account(name=new.name, depository=new.depository, owner=new.owner.strip(), token=sealed, created_at=now))
        return True
    if not replace or row.depository != new.depository:
        raise Conflict(
            f"There is an account {new.name} at {row.depository} already.",
            remedy="`--replace` gives it a new token and owner; another depository needs another name.",
        )
    row.owner, row.token = new.owner.strip(), sealed
    audit.write(session, now, by, Deed.ACCOUNT_REPLACED, new.name, about)
    return False


def remove(session: Session, now: float, name: str, by: Actor) -> None:
    """Forget an account and its token.

    Raises:
        NotFound: there is none.
        Conflict: projects are bound to it, or drafts of publications or reservations were made with it.
    """
    row = _known(session, name)
    needed = [f"the project {project.name}" for project in accounts.bound_to(session, name)]
    needed += [f"the draft of {draft}" for draft in accounts.drafts_of(session, name)]
    if needed:
        raise Conflict(
            f"The account {name} is needed by {', '.join(needed[:5])}{' and others' if needed[5:] else ''}.",
            remedy="Release the projects with `tagstone bind PROJECT ACCOUNT --release`; finish or cancel the drafts.",
        )
    session.delete(row)
    audit.write(session, now, by, Deed.ACCOUNT_REMOVED, name, f"at {row.depository}, of {row.owner}")


def reseal(session: Session, vault: Vault, now: float, by: Actor) -> int:
    """Seal every token with the newest key; how many there are. Raises: Forbidden when one was sealed with no key of these."""
    names = [row.name for row in accounts.listing(session)]
    for name in names:
        row = _known(session, name)
        row.token = vault.seal(vault.unseal(row.token))
    audit.write(session, now, by, Deed.ACCOUNTS_RESEALED, "accounts", f"{len(names)} with the newest key")
    return len(names)


def bind(session: Session, policy: Policy, now: float, project: Project, account: str, by: Actor) -> tuple[str, str | None]:
    """Let a project publish with an account; its depository, and the account that it was bound to there before.

    Raises: NotFound.
    """
    depository = account if account in policy.depositories else _known(session, account).depository
    binding = accounts.binding(session, project.id, depository)
    before, binding.account = binding.account, account
    audit.write(
        session, now, by, Deed.ACCOUNT_BOUND, project.key, f"{account} at {depository}, was {before or 'bound to none'}"
    )
    return depository, before


def release(session: Session, now: float, project: Project, account: str, by: Actor) -> None:
    """Undo a binding; its series, and what is under way, stay with the account. Raises: NotFound when there is none."""
    for binding in accounts.bindings(session, project.id):
        if binding.account == account:
            binding.account = None
            audit.write(session, now, by, Deed.ACCOUNT_RELEASED, project.key, f"{account} at {binding.depository}")
            return
    raise NotFound(
        f"The project {project.name} is not bound to {account}.", remedy="`tagstone bind --list` shows what is bound."
    )


def _known(session: Session, name: str) -> Account:
    row = accounts.find(session, name)
    if row is None:
        raise NotFound(f"There is no account {name[:64]}.", remedy="`tagstone accounts list` shows what there is.")
    return row
