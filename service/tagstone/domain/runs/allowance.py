"""What a namespace of a cluster allows beside its nodes: quotas on all that runs there, ranges of what one pod or container may ask for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tagstone.domain.runs.fit import show_amount

POD, CONTAINER = "Pod", "Container"


@dataclass(frozen=True)
class Quota:
    """A ResourceQuota: the most of each resource that all pods of the namespace may have together, by its names there."""

    name: str
    hard: Mapping[str, float]


@dataclass(frozen=True)
class Range:
    """One limit of a LimitRange: what a pod or a container may ask for at least and at most."""

    name: str
    kind: str
    most: Mapping[str, float] = field(default_factory=dict)
    least: Mapping[str, float] = field(default_factory=dict)


def excesses(
    claims: Mapping[str, float], overhead: Mapping[str, float], quotas: Sequence[Quota], ranges: Sequence[Range]
) -> tuple[str, ...]:
    """What of a run's claims the namespace would never admit, in sentences; `overhead` is what our own containers add in its pod."""
    return (*_over_quotas(claims, overhead, quotas), *_out_of_ranges(claims, overhead, ranges))


def _over_quotas(claims: Mapping[str, float], overhead: Mapping[str, float], quotas: Sequence[Quota]) -> Iterator[str]:
    for quota in quotas:
        for resource, amount in claims.items():
            total = amount + overhead.get(resource, 0.0)
            names = (resource, f"requests.{resource}", f"limits.{resource}")
            hard = min((quota.hard[name] for name in names if name in quota.hard), default=None)
            if hard is not None and total > hard:
                asked, allowed = show_amount(resource, amount), show_amount(resource, hard)
                yield f"{asked} asked for, the quota {quota.name!r} allows {allowed} for everything together."


def _out_of_ranges(claims: Mapping[str, float], overhead: Mapping[str, float], ranges: Sequence[Range]) -> Iterator[str]:
    for one in ranges:
        for resource, amount in claims.items():
            total = amount + (overhead.get(resource, 0.0) if one.kind == POD else 0.0)
            shown, whose = show_amount(resource, amount), f"the range {one.name!r}"
            if total > one.most.get(resource, total):
                yield f"{shown} asked for, {whose} allows a {one.kind.lower()} at most {show_amount(resource, one.most[resource])}."
            if total < one.least.get(resource, total):
                yield f"{shown} asked for, {whose} wants at least {show_amount(resource, one.least[resource])}."
