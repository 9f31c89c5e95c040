"""From when on the files of a record are for everybody."""

from datetime import UTC, date, datetime, time

from tagstone.domain.deposits.deposit import Access
from tagstone.domain.manifests.sections import DepositSection

FOR_EVER = datetime.max.replace(tzinfo=UTC, microsecond=0).timestamp()


def closed_until(wanted: DepositSection) -> float | None:
    """Seconds since the epoch (UTC) until which the files are not for everybody; None where they always are."""
    match Access(wanted.access):
        case Access.OPEN:
            return None
        case Access.EMBARGOED if wanted.embargo:
            return datetime.combine(date.fromisoformat(wanted.embargo), time(), UTC).timestamp()
        case _:
            return FOR_EVER
