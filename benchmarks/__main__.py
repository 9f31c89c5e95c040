"""`make bench`: measures everything that has a limit, prints one table, and ends with 1 when a limit is missed.

Names of benchmarks as arguments measure those alone; without names it is all that need no cluster.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import bundling, catalogue, clusters, depositing, publishing, receiving, starting
from benchmarks.table import Line, exit_code, table

BENCHMARKS: dict[str, Callable[[Path], list[Line]]] = {
    "starting": starting.measure,
    "publishing": publishing.measure,
    "bundling": bundling.measure,
    "depositing": depositing.measure,
    "catalogue": catalogue.measure,
    "receiving": receiving.measure,
    "clusters": clusters.measure,
}
ON_CLUSTERS = {"clusters"}
"""What `make bench-kubernetes` measures."""


def main(names: list[str]) -> int:
    """Measure and print; the exit code."""
    unknown = sorted(set(names) - set(BENCHMARKS))
    if unknown:
        print(f"There is no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}.", file=sys.stderr)
        return 2
    lines: list[Line] = []
    # A short name: Podman's folders may have 50 characters.
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        for name in names or [name for name in BENCHMARKS if name not in ON_CLUSTERS]:
            print(f"== {name}", file=sys.stderr, flush=True)
            lines += BENCHMARKS[name](Path(folder))
    print(table(lines))
    return exit_code(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
