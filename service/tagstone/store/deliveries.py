"""Queries on what hooks delivered."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, undefer

from tagstone.domain.forges.delivery import Delivered, Happening
from tagstone.store.tables import Delivery, Registration

RECEIVED, WAITING, DONE, IGNORED, FAILED = "received", "waiting", "done", "ignored", "failed"

Known = tuple[str, str]
"""A hook, and the id that it gave a delivery."""


@dataclass(frozen=True)
class Letter:
    """A delivery before it is written down; `body` is without what is private."""

    hook_id: str
    key: str
    registration_id: int
    told: Delivered
    body: dict[str, Any]

    @property
    def known(self) -> Known:
        """What it is told apart by."""
        return self.hook_id, self.key


def find(session: Session, hook_id: str, key: str) -> Delivery | None:
    """The delivery that a hook gave this id, if it came before."""
    return session.scalars(select(Delivery).where(Delivery.hook_id == hook_id, Delivery.key == key)).one_or_none()


def get(session: Session, delivery_id: int) -> Delivery | None:
    """The delivery with this number."""
    return session.get(Delivery, delivery_id)


def numbers(session: Session, known: Iterable[Known]) -> dict[Known, int]:
    """The numbers of those deliveries that came before."""
    query = select(Delivery.hook_id, Delivery.key, Delivery.id).where(tuple_(Delivery.hook_id, Delivery.key).in_(set(known)))
    return {(hook_id, key): number for hook_id, key, number in session.execute(query)}


def write(
    session: Session, hook_id: str, key: str, registration: Registration, told: Delivered, body: dict[str, Any], now: float
) -> Delivery:
    """Write down what was delivered; `body` is without what is private."""
    row = Delivery(**_columns(Letter(hook_id, key, registration.id, told, body), now))
    session.add(row)
    session.flush()
    return row


def write_new(session: Session, letters: Iterable[Letter], now: float) -> dict[Known, int]:
    """Write down those that did not come before, though others may be writing the same; the numbers of those that are new.

    All write in one order, so that nobody waits for who waits for them.
    """
    once = {letter.known: letter for letter in letters}
    rows = [_columns(once[known], now) for known in sorted(once)]
    if not rows:
        return {}
    on_sqlite = session.get_bind().dialect.name == "sqlite"
    insert = sqlite.insert(Delivery) if on_sqlite else postgresql.insert(Delivery)
    new = insert.on_conflict_do_nothing(index_elements=["hook_id", "key"])
    made = session.execute(new.returning(Delivery.hook_id, Delivery.key, Delivery.id), rows)
    return {(hook_id, key): number for hook_id, key, number in made}


def told(row: Delivery) -> Delivered:
    """What a delivery tells of."""
    about = json.loads(row.about)
    return Delivered(**about | {"happening": Happening(about["happening"])})


def settle(row: Delivery, state: str, reason: str | None = None, publication_id: str | None = None) -> None:
    """Write down what became of a delivery."""
    row.state, row.reason, row.due_at = state, reason, None
    row.publication_id = publication_id or row.publication_id


def newest(session: Session, most: int, states: Sequence[str] = (), *, bodies: bool = False) -> list[Delivery]:
    """The newest deliveries, of these states where some are named."""
    query = select(Delivery).order_by(Delivery.id.desc()).limit(most)
    if states:
        query = query.where(Delivery.state.in_(states))
    return list(session.scalars(query.options(undefer(Delivery.body)) if bodies else query))


def waiting(session: Session, registration_id: int, ref: str) -> list[Delivery]:
    """Deliveries of a tag that wait for what its pipeline builds."""
    query = select(Delivery).where(Delivery.registration_id == registration_id, Delivery.ref == ref, Delivery.state == WAITING)
    return list(session.scalars(query))


def overdue(session: Session, now: float, most: int) -> list[Delivery]:
    """Deliveries that have waited long enough, oldest first."""
    query = select(Delivery).where(Delivery.state == WAITING, Delivery.due_at <= now).order_by(Delivery.due_at).limit(most)
    return list(session.scalars(query))


def tells_of(session: Session, registration_id: int, ref: str, sha: str) -> bool:
    """Whether some delivery told of this tag at this commit, whatever became of it."""
    query = select(Delivery).where(Delivery.registration_id == registration_id, Delivery.ref == ref)
    return any(told(row).happening is Happening.TAG and told(row).sha == sha for row in session.scalars(query))


def again(row: Delivery) -> None:
    """Let a delivery be taken once more, in a turn of its own."""
    row.state, row.reason, row.due_at = RECEIVED, None, None
    row.turns += 1


def _columns(letter: Letter, now: float) -> dict[str, Any]:
    return {
        "hook_id": letter.hook_id,
        "key": letter.key,
        "registration_id": letter.registration_id,
        "happening": letter.told.happening,
        "ref": letter.told.tag,
        "about": json.dumps(asdict(letter.told)),
        "body": json.dumps(letter.body),
        "state": RECEIVED,
        "received_at": now,
        "turns": 1,
    }
