"""Which account a deposit is made with, and whose its record will be."""

from dataclasses import dataclass, replace

from tagstone.actions.run import manifest_of
from tagstone.domain.publications import record
from tagstone.domain.publications.policy import Policy
from tagstone.errors import Forbidden, NotFound
from tagstone.ports import DepositAccount, Depositories, Vault
from tagstone.store import accounts, publications
from tagstone.store.session import Sessions


@dataclass(frozen=True)
class Accounts:
    """Finds accounts: by project, by publication, by name. Each is opened anew, since bindings and tokens may change."""

    sessions: Sessions
    depositories: Depositories
    vault: Vault
    policy: Policy

    def of_project(self, project_id: int | None, depository: str) -> DepositAccount:
        """The account that a project (None: one that is not known yet) publishes with at a depository.

        Raises:
            Forbidden: no curator has bound the project to an account there, and the site's own is not for everybody.
            NotFound: there is no such depository or account.
        """
        name = None
        if project_id is not None:
            with self.sessions.read() as session:
                name = accounts.bound(session, project_id, depository)
        if name is None and depository not in self.policy.open_depositories:
            raise Forbidden(
                f"No curator has bound this project to an account at {depository}.",
                remedy="A curator does that with `tagstone bind PROJECT ACCOUNT`.",
            )
        return self.named(depository, name or depository)

    def of_publication(self, publication: str) -> DepositAccount:
        """The account that a publication's deposit was begun with; where there is none, or not any more, the one of its project.

        Raises: Forbidden, NotFound.
        """
        with self.sessions.read() as session:
            row = publications.get(session, publication)
            facts, name, project_id = record.load((row.facts or "").encode()), row.account, row.project_id
        depository = facts.deposit.depository if facts.deposit else manifest_of(facts).deposit.to
        if name is None or not self._known(depository, name):
            return self.of_project(project_id, depository)
        return self.named(depository, name)

    def named(self, depository: str, name: str) -> DepositAccount:
        """The account of this name at a depository; the depository's own name is the site's account. Raises: NotFound."""
        if name == depository:
            return self.depositories.account(depository, name, None)
        with self.sessions.read() as session:
            row = accounts.find(session, name)
        if row is None or row.depository != depository:
            raise NotFound(
                f"There is no account {name} at {depository}.", remedy="`tagstone accounts list` shows what there is."
            )
        account = self.depositories.account(depository, name, self.vault.unseal(row.token))
        return replace(account, owner=row.owner)

    def _known(self, depository: str, name: str) -> bool:
        if name == depository:
            return True
        with self.sessions.read() as session:
            return accounts.find(session, name) is not None
