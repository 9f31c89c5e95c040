"""The rounds that a worker makes beside its work: letters, announcements, new DOIs, sharing, comparing. One worker at a time makes them.

What is owed and what was seen are rows, so that a round may be broken off at any moment, and another worker's goes on from there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog

from tagstone.actions.accounts import Accounts
from tagstone.actions.announce import Announcing
from tagstone.actions.look_after import compare_oldest, look_at_dois, share_records
from tagstone.actions.look_at_credentials import LookAtCredentials
from tagstone.actions.reconcile import Reconciliation
from tagstone.actions.rotate_tokens import RotateTokens
from tagstone.actions.send_letters import send_letters
from tagstone.actions.send_notices import send_notices
from tagstone.actions.take_delivery import TakeDeliveries
from tagstone.domain.publications.policy import Policy
from tagstone.domain.publications.waiting import Durations
from tagstone.errors import TagstoneError
from tagstone.ports import Ports
from tagstone.store.session import Sessions

_HOUR = 3600.0


@dataclass(frozen=True)
class Forges:
    """What is done about forges by itself, where the site has any."""

    taking: TakeDeliveries
    reconciliation: Reconciliation
    announcing: Announcing


@dataclass(frozen=True)
class Keys:
    """What is done about credentials by itself."""

    looking: LookAtCredentials
    rotating: RotateTokens | None


class Watch:
    """Makes rounds with the ports and sessions it was given; `url` is the address of the pages."""

    def __init__(
        self, ports: Ports, sessions: Sessions, durations: Durations, policy: Policy, url: str, forges: Forges | None = None
    ) -> None:
        self._ports = ports
        self._sessions = sessions
        self._durations = durations
        self._url = url
        self._accounts = Accounts(sessions, ports.depositories, ports.vault, policy)
        self._not_before: dict[str, float] = {}
        self._forges = forges
        self._reconciled = 0.0
        self._guarded = 0.0
        self._log = structlog.get_logger("tagstone.watch")

    def tell_and_ask(self) -> None:
        """Send what letters are due, share what is to be shared, and ask for new DOIs: what takes no time. Blocks."""
        ports, sessions, durations = self._ports, self._sessions, self._durations
        tell = partial(self._log.warning, "a letter was not sent")
        self._kept(lambda: send_letters(sessions, ports.mail, ports.clock, durations, self._url, lambda why: tell(reason=why)))
        self._kept(lambda: send_notices(sessions, ports.mail, ports.clock, durations, lambda why: tell(reason=why)))
        self._kept(lambda: share_records(self._accounts, sessions, ports.clock, durations))
        self._kept(lambda: look_at_dois(sessions, ports.resolver, ports.clock, durations))

    def compare(self) -> None:
        """Compare one deposit with what was sent, if one is due; one that cannot be read is left alone for a while. Blocks."""
        now = self._ports.clock.now()
        self._not_before = {name: until for name, until in self._not_before.items() if until > now}

        def compare() -> None:
            answer = compare_oldest(self._accounts, self._sessions, self._ports.clock, self._durations, self._not_before)
            if answer is not None and answer[1] is not None:
                self._not_before[answer[0]] = now + 12 * self._durations.retry_longest
                raise answer[1]

        self._kept(compare)

    def announce(self) -> None:
        """Tell forges how publications of their projects stand. Blocks."""
        if self._forges is not None:
            announcing, tell = self._forges.announcing, partial(self._log.warning, "an announcement was not made")
            self._kept(lambda: announcing.make_due(lambda why: tell(reason=why)))

    def reconcile(self) -> None:
        """End what waited too long for its pipeline, and find the tags that no hook told of, once in a while. Blocks."""
        if self._forges is None:
            return
        self._kept(self._forges.taking.expire)
        now = self._ports.clock.now()
        if now - self._reconciled >= self._durations.reconcile:
            self._reconciled = now
            self._kept(self._reconcile)

    def guard(self, keys: Keys) -> None:
        """Rotate tokens that end soon, and warn of credentials that end or are no good, once in a while. Blocks."""
        now, every = self._ports.clock.now(), self._durations.credentials
        # What could not be looked at is looked at sooner.
        if now - self._guarded < min(every, _HOUR):
            return
        self._guarded = now
        if keys.rotating is not None:
            rotating, told = keys.rotating, partial(self._log.info, "an access token was looked after")
            self._kept(lambda: rotating.make_round(lambda project, what: told(project=project, what=what)))
        warn = partial(self._log.warning, "a credential needs somebody to look at it")
        self._kept(lambda: keys.looking.make_round(every, lambda name, what: warn(credential=name, what=what)))

    def _reconcile(self) -> None:
        assert self._forges is not None
        for path, error in self._forges.reconciliation.all_projects().troubles:
            self._log.warning("tags could not be compared", project=path, error=error.message)

    def _kept(self, part: Callable[[], object]) -> None:
        """Do one part of a round; what goes wrong in it is logged, and keeps no other part from being done."""
        try:
            part()
        except TagstoneError as error:
            self._log.warning("looked after in vain", error=error.message)
        except Exception:  # noqa: BLE001 - the rows are as they were, and the next round begins anew
            self._log.exception("a round broke off")
