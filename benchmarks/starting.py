"""How soon the command line answers, beside a Python that does nothing."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

from benchmarks.example import make_repository
from benchmarks.measure import best, seconds
from benchmarks.table import Line

_TIMES = 9
_TAGSTONE = Path(sys.executable).with_name("tagstone")


def measure(folder: Path) -> list[Line]:
    """`tagstone --help` in 0.3 s, `tagstone check` of the demo in 0.5 s."""
    repository = make_repository(folder / "checked")
    environment = os.environ | {"TAGSTONE_HOME": str(folder / "checked-home")}
    call = partial(subprocess.run, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    found = best(
        {
            "python": lambda: seconds(lambda: call([sys.executable, "-c", "pass"])),
            "help": lambda: seconds(lambda: call([_TAGSTONE, "--help"])),
            "check": lambda: seconds(lambda: call([_TAGSTONE, "check", str(repository)])),
        },
        _TIMES,
    )
    return [
        Line("tagstone --help | python -c pass", found["help"], found["python"], "s", "< 0.3 s", found["help"] < 0.3),
        Line("tagstone check | python -c pass", found["check"], found["python"], "s", "< 0.5 s", found["check"] < 0.5),
    ]
