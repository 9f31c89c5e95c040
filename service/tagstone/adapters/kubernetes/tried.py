"""What `tagstone doctor --cluster` found out by trying, kept for the records of runs: whether a cluster enforces NetworkPolicies."""

import json
from pathlib import Path

GOOD_FOR = 30 * 86_400.0
"""Seconds that a finding counts: a cluster's network may be another one by then."""


def remember(file: Path, at: float, *, enforced: bool | None) -> None:
    """Keep what a probe at `at` (seconds since the epoch) found; None, which is nothing found, is kept too."""
    file.parent.mkdir(parents=True, exist_ok=True)
    incoming = file.with_suffix(".incoming")
    incoming.write_text(json.dumps({"enforced": enforced, "at": at}), encoding="utf-8")
    incoming.replace(file)


def enforced(file: Path | None, now: float) -> bool | None:
    """What the last probe found, as far as it counts at `now`; None where nobody tried for 30 days, or it could not be told."""
    if file is None:
        return None
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        found, old = said["enforced"], now - float(said["at"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, bool) and old <= GOOD_FOR else None
