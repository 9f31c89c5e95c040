"""A citation: who made what, under which licence, in which version."""

from dataclasses import dataclass

from tagstone.domain.deposit import Creator


@dataclass(frozen=True)
class Citation:
    """What an author says of a work; `date` is ISO 8601, `licences` are SPDX identifiers (any of them may be chosen)."""

    title: str
    authors: tuple[Creator, ...]
    version: str | None = None
    date: str | None = None
    licences: tuple[str, ...] = ()
    abstract: str = ""
    keywords: tuple[str, ...] = ()
    doi: str | None = None
    repository: str | None = None
    message: str = ""
    type: str = "software"
