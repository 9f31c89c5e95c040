"""Where a site takes packages from that Debian and PyPI do not have: addresses, each None where the site has none."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Channels:
    """`conda` is the address above channels' names, `cran` and `julia` are a repository's and a package server's own.

    `snapshots` is the address of a package archive as it was, with `{archive}` (debian, debian-security) and `{date}` in it.
    """

    conda: str | None = None
    cran: str | None = None
    julia: str | None = None
    snapshots: str | None = None
