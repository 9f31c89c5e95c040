"""`apt.txt`: Debian packages, one in a line."""

from tagstone.domain.environments.lock import DEB_NAME
from tagstone.domain.environments.requirements import MOST_FAULTS
from tagstone.domain.reading.faults import Fault


def read_apt(path: str, text: str, faults: list[Fault]) -> tuple[str, ...]:
    """The packages that an apt.txt names, sorted; what is none is added to `faults`."""
    names: set[str] = set()
    for number, line in enumerate(text.splitlines(), 1):
        for word in line.partition("#")[0].split():
            if DEB_NAME.fullmatch(word):
                names.add(word)
                continue
            if len(faults) >= MOST_FAULTS:
                return ()
            remedy = "Write names only, such as libgsl-dev; versions are kept in tagstone.lock."
            faults.append(Fault(path, f"{word[:60]!r} is no Debian package.", remedy, number))
    return tuple(sorted(names))
