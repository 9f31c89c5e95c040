"""Print sunrise and sunset at Greenwich for a date: python sun.py 2026-06-21."""

import sys
from datetime import date

from astral import Observer
from astral.sun import sun

GREENWICH = Observer(latitude=51.4779, longitude=0.0, elevation=45.0)


def main() -> None:
    """Compute and print, in UTC and to the minute."""
    times = sun(GREENWICH, date=date.fromisoformat(sys.argv[1]))
    print(f"{sys.argv[1]}: the sun rises at {times['sunrise']:%H:%M} and sets at {times['sunset']:%H:%M} UTC")


if __name__ == "__main__":
    main()
