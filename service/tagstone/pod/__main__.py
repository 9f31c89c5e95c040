"""The process entry: `python -m tagstone.pod stage|keep`."""

import os
import sys

from tagstone.errors import TagstoneError
from tagstone.pod.keeping import keep
from tagstone.pod.place import place_from
from tagstone.pod.staging import stage

PROGRAMS = {"stage": stage, "keep": keep}


def main(arguments: list[str]) -> int:
    """Run the program that is named; the exit code is 0 where it did all that it should."""
    if len(arguments) != 1 or arguments[0] not in PROGRAMS:
        sys.stderr.write(f"Usage: python -m tagstone.pod {'|'.join(PROGRAMS)}\n")
        return 2
    try:
        return PROGRAMS[arguments[0]](place_from(os.environ))
    except TagstoneError as error:
        sys.stderr.write(f"{error.message} {error.remedy}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
