"""What it means when a cluster will not take a Job, or takes it and makes no pod: quota, admission, permission."""

import re
from collections.abc import Sequence

from tagstone.domain.runs.failure import Failure, Kind, Patience
from tagstone.domain.runs.hardware import format_seconds
from tagstone.domain.runs.quantity import parse_quantity
from tagstone.domain.runs.sight import EventSeen
from tagstone.errors import Invalid

_QUOTA = re.compile(r"exceeded quota: ([^,]{1,253}), requested: (.*?), used: (.*?), limited: (.*)", re.DOTALL)
_PAIR = re.compile(r"([A-Za-z0-9./_-]+)=([0-9][0-9A-Za-z.]*)")
_RANGE = re.compile(r"(?:maximum|minimum) \S+ (?:usage|limit|request)|limit to request ratio", re.IGNORECASE)
_SECURITY = re.compile(r'violates PodSecurity "([^"]{1,100})"', re.IGNORECASE)
_WEBHOOK = re.compile(r'admission webhook "([^"]{1,253})" denied the request', re.IGNORECASE)
_MAY_NOT = re.compile(r"cannot (\w+) resource \"([^\"]{1,100})\"|serviceaccount .{0,253}not found", re.IGNORECASE)
_CREATING = "FailedCreate"
_LONGEST = 400  # characters of a message that is passed on


def passing(code: int) -> bool:
    """Whether an answer of the API (0: there was none) is trouble that may pass: asking again later is all there is to do.

    409 is not among them: what exists already is adopted, and what changed meanwhile is read again; nor is 410, which ends a watch.
    """
    return code in {0, 429} or code >= 500


def refused(code: int, message: str) -> Failure | None:
    """What an answer to our making of a Job says; None for one that is no refusal, or that may pass."""
    if code not in (400, 403, 404, 422):
        return None
    found = _told(message)
    if found is not None:
        return found
    if code in (403, 404):
        what = "The cluster does not let Tagstone make its Jobs" if code == 403 else "The namespace for runs is not there"
        return Failure(Kind.PERMISSION, f"{what}: {_short(message)}", _PERMISSION, "Forbidden" if code == 403 else "NotFound")
    return Failure(Kind.ADMISSION, f"The cluster would not take it: {_short(message)}", _ADMISSION, "Invalid")


def not_admitted(events: Sequence[EventSeen], waited: float, patience: Patience) -> Failure | None:
    """What keeps a Job from having any pod; None while nothing is wrong, or may still pass.

    Where only others use the quota up, room may come: that is waited for. `waited` are the seconds since the Job was made.
    """
    failed = [event for event in events if event.reason == _CREATING]
    if not failed:
        return None
    message = failed[-1].message
    found = _told(message)
    if found is None:
        if waited < patience.begin:
            return None
        return Failure(Kind.ADMISSION, f"The cluster makes no pod for it: {_short(message)}", _ADMISSION, _CREATING)
    if found.kind is Kind.QUOTA and not beyond_quota(message):
        if waited < patience.quota:
            return None
        detail = f"{found.detail} It waited {format_seconds(waited)} for others to end."
        return Failure(found.kind, detail, found.remedy, found.reason)
    return found


def waits_for_quota(events: Sequence[EventSeen]) -> str:
    """What a Job waits for that has no pod because others use the quota up; empty where it does not."""
    failed = [event for event in events if event.reason == _CREATING]
    match = _QUOTA.search(failed[-1].message) if failed else None
    return f"It waits for room in the quota {match[1]!r}: {_short(failed[-1].message)}" if match else ""


def beyond_quota(message: str) -> bool:
    """Whether a request is larger than the whole quota, so that no waiting helps."""
    match = _QUOTA.search(message)
    if match is None:
        return False
    requested, limited = _amounts(match[2]), _amounts(match[4])
    return any(amount > limited.get(name, amount) for name, amount in requested.items())


def _told(message: str) -> Failure | None:
    """What the text of a refusal says; clusters have no other way to tell who refused."""
    if match := _QUOTA.search(message):
        whole = " even if nothing else ran" if beyond_quota(message) else ""
        detail = f"The quota {match[1]!r} has no room for it{whole}: {match[2]} requested, {match[3]} used, {match[4]} allowed."
        return Failure(
            Kind.QUOTA, _short(detail), "Ask for less (run: resources), or ask the site's admin for more.", "QuotaExceeded"
        )
    if match := _SECURITY.search(message):
        detail = f"The cluster's pod security ({match[1]}) would not admit it: {_short(message)}"
        return Failure(Kind.ADMISSION, detail, _ADMISSION, "PodSecurity")
    if match := _WEBHOOK.search(message):
        return Failure(Kind.ADMISSION, f"The admission webhook {match[1]} denied it: {_short(message)}", _ADMISSION, "Webhook")
    if _RANGE.search(message):
        remedy = "Ask for what the range allows (run: resources), or ask the site's admin to widen it."
        return Failure(
            Kind.ADMISSION, f"A LimitRange of the namespace does not allow it: {_short(message)}", remedy, "LimitRange"
        )
    if _MAY_NOT.search(message):
        return Failure(
            Kind.PERMISSION, f"The cluster does not let Tagstone do this: {_short(message)}", _PERMISSION, "Forbidden"
        )
    return None


_ADMISSION = "Ask the site's admin: a rule of the cluster forbids what Tagstone asked for; `tagstone doctor --cluster` looks."
_PERMISSION = "Ask the site's admin: `tagstone doctor --cluster` names every permission that is missing."


def _amounts(text: str) -> dict[str, float]:
    found = {}
    for name, amount in _PAIR.findall(text):
        try:
            found[name] = parse_quantity(amount)
        except Invalid:
            continue
    return found


def _short(message: str) -> str:
    plain = " ".join(message.split())
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}…"
