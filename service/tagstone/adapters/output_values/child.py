"""The child that reads strangers' files: `python -m tagstone.adapters.output_values.child KIND RTOL ATOL MEMORY SECONDS ONE TWO`.

ONE and TWO are descriptors of open files. It limits itself and stops being root before it reads anything, writes no file, and
prints one JSON object on its standard output: a deviation.
"""

import json
import os
import resource
import sys
import warnings
from collections.abc import Callable
from dataclasses import asdict
from typing import BinaryIO

from tagstone.adapters.output_values.differences import Differences, Unreadable
from tagstone.domain.runs.comparison import Deviation
from tagstone.domain.runs.run import USER

Reader = Callable[[BinaryIO, BinaryIO, Differences], None]


def _compare(kind: str, rtol: float, atol: float, memory: int, seconds: int, one: int, two: int) -> Deviation:
    read, differences = _reader(kind), Differences(rtol, atol)
    _lock_up(memory, seconds)
    read(os.fdopen(one, "rb"), os.fdopen(two, "rb"), differences)
    return differences.result()


def _reader(kind: str) -> Reader:
    """What compares this kind, with all that it needs loaded: nobody may not read every installation."""
    match kind:
        case "numbers":
            from tagstone.adapters.output_values.number_text import compare as by_numbers

            return by_numbers
        case "json":
            from tagstone.adapters.output_values.json_values import compare as by_json

            return by_json
        case "pixels":
            from tagstone.adapters.output_values import pixels

            pixels.warm_up()
            return pixels.compare
        case "fits":
            from tagstone.adapters.output_values import fits_values

            fits_values.warm_up()
            return fits_values.compare
    raise Unreadable(f"there is no way to compare by {kind}")


def _lock_up(memory: int, seconds: int) -> None:
    """Take away what comparing does not need, for good: no more memory or time, no files, processes or dumps, no root."""
    limits = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 64,
    }
    for kind, value in limits.items():
        hard = resource.getrlimit(kind)[1]
        lowest = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (lowest, lowest))
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(USER, USER, USER)
        os.setresuid(USER, USER, USER)
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def _main() -> None:
    warnings.simplefilter("ignore")  # what libraries think of a stranger's file is not for our log
    kind, rtol, atol, *rest = sys.argv[1:]
    try:
        answer = _compare(kind, float(rtol), float(atol), *(int(word) for word in rest))
    except Unreadable as error:
        answer = Deviation(problem=str(error))
    except MemoryError:
        answer = Deviation(problem="it needs more memory than comparing may take")
    except Exception as error:  # noqa: BLE001  # a parser breaks on a stranger's file in ways of its own
        answer = Deviation(problem=f"it cannot be read ({type(error).__name__})")
    # A pipe is no file: the limit on files' sizes does not touch it.
    sys.stdout.write(json.dumps(asdict(answer)))
    sys.stdout.flush()
    # Without the interpreter's own end, which might want memory that is not there.
    os._exit(0)


if __name__ == "__main__":
    _main()
