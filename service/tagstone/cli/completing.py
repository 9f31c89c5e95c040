"""What the shell is told when somebody presses Tab where a publication is meant. It is quick, makes nothing, and never fails."""

import re
from collections.abc import Iterator

# A shell may put what it is told on the command line as it stands, or read it as code: plain words only.
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+@-]{0,99}")


def publications(incomplete: str) -> list[tuple[str, str]]:
    """Tags and ids that begin so, each with what it is; of the newest publications, where the database is SQLite."""
    return list(dict(_matching(incomplete)).items())


def _matching(incomplete: str) -> Iterator[tuple[str, str]]:
    from tagstone.home import home
    from tagstone.store.names import names

    found = [(name, ref, state) for name, ref, state in names(home() / "tagstone.sqlite") if _PLAIN.fullmatch(name)]
    for name, ref, state in found:
        if _PLAIN.fullmatch(ref) and ref.startswith(incomplete) and state != "superseded":
            yield ref, f"{state} {name}"
    for name, ref, state in found:
        if name.startswith(incomplete):
            yield name, f"{state} {ref}" if _PLAIN.fullmatch(ref) else state
