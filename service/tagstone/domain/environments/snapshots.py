"""The state of a package archive, asked for again: the address that a site's template gives for a date."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from tagstone.domain.environments.build import PackageArchive

IMPORTED_WITHIN = timedelta(hours=6)
"""Archives of archives take over a state some hours after its date: asked for earlier, they answer with the one before."""

_WRITTEN = "%Y-%m-%dT%H:%M:%SZ"


def newest(archives: Iterable[PackageArchive]) -> str:
    """The date (ISO 8601, UTC) by which all of these states were there; empty where there are none."""
    return max((archive.date for archive in archives), default="")


def is_date(text: str) -> bool:
    """Say whether a text is a date as archives' states have it: `2026-11-21T08:00:00Z`."""
    try:
        return datetime.strptime(text, _WRITTEN).strftime(_WRITTEN) == text  # noqa: DTZ007 - the Z says UTC
    except ValueError:
        return False


def snapshot_address(template: str | None, date: str) -> str | None:
    """The address for `date`, with sed's first group for the archive's name; None where the site or the lock has none."""
    if not template or not date:
        return None
    asked = datetime.strptime(date, _WRITTEN).replace(tzinfo=UTC) + IMPORTED_WITHIN
    return template.replace("{archive}", "\\1").replace("{date}", asked.strftime("%Y%m%dT%H%M%SZ"))
