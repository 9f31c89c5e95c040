"""What `tagstone doctor --cluster` found out by trying, kept for the records of runs: whether a cluster enforces NetworkPolicies."""

import json
from pathlib import Path


def remember(file: Path, at: float, *, enforced: bool | None) -> None:
    """Keep what a probe at `at` (seconds since the epoch) found; None, which is nothing found, is kept too."""
    file.parent.mkdir(parents=True, exist_ok=True)
    incoming = file.with_suffix(".incoming")
    incoming.write_text(json.dumps({"enforced": enforced, "at": at}), encoding="utf-8")
    incoming.replace(file)


def enforced(file: Path | None) -> bool | None:
    """What the last probe found; None where nobody tried, or it could not be told."""
    try:
        found = json.loads(file.read_text(encoding="utf-8")).get("enforced") if file else None
    except (OSError, ValueError, AttributeError):
        return None
    return found if isinstance(found, bool) else None
