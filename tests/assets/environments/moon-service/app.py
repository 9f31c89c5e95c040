"""A page that shows the moon on a date: /?date=2026-11-21; /phase?date=… answers in JSON.

The phase after Jean Meeus, Astronomical Algorithms (1998), chapter 48, low accuracy: good to some tenths of a per cent.
"""

import sys
from datetime import UTC, date, datetime
from math import cos, pi, radians, sin

from bottle import Bottle, HTTPError, request, run, template

PORT = 8501
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>The moon on {{day}}</title>
<body style="background:#0b1020;color:#eee;font-family:sans-serif;text-align:center">
<h1>{{day}}: {{name}}</h1>
<svg viewBox="-1.1 -1.1 2.2 2.2" width="260"><circle r="1" fill="#333"/><path d="{{path}}" fill="#f5f0d0"/></svg>
<p>{{percent}} per cent of the disk is lit.</p></body></html>
"""
app = Bottle()


def elongation(day: date) -> float:
    """The moon's phase angle from the sun in degrees at noon (UTC): 0 new, 180 full."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    centuries = (noon.timestamp() / 86400 + 2440587.5 - 2451545) / 36525
    mean = 297.8501921 + 445267.1114034 * centuries
    sun, moon = radians(357.5291092 + 35999.0502909 * centuries), radians(134.9633964 + 477198.8675055 * centuries)
    twice = radians(2 * mean)
    return (mean + 6.289 * sin(moon) - 2.1 * sin(sun) + 1.274 * sin(twice - moon) + 0.658 * sin(twice)) % 360


def phase(text: str) -> dict[str, object]:
    """What there is to say of a date."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise HTTPError(400, "Write a date such as 2026-11-21.") from None
    angle = elongation(day)
    names = (
        "new moon",
        "waxing crescent",
        "first quarter",
        "waxing gibbous",
        "full moon",
        "waning gibbous",
        "last quarter",
        "waning crescent",
    )
    return {
        "date": text,
        "lit_percent": round(50 * (1 - cos(radians(angle))), 1),
        "name": names[round(angle / 45) % 8],
        "angle": round(angle, 1),
    }


def outline(angle: float) -> str:
    """The lit part of a disk of radius 1 as the path of an SVG."""
    limb, bulge = (1, cos(angle * pi / 180)) if angle < 180 else (0, cos(angle * pi / 180))
    sweep = int((bulge > 0) != (limb == 1))
    return f"M0 -1A1 1 0 0 {limb} 0 1A{abs(bulge):.3f} 1 0 0 {sweep} 0 -1"


@app.get("/phase")
def answer() -> dict[str, object]:
    """The phase for programs."""
    return phase(request.query.date)


@app.get("/")
def page() -> str:
    """The phase for people."""
    found = phase(request.query.date)
    return template(
        PAGE, day=found["date"], name=found["name"], percent=found["lit_percent"], path=outline(float(found["angle"]))
    )


if __name__ == "__main__":
    run(app, host=sys.argv[1] if len(sys.argv) > 1 else "0.0.0.0", port=PORT, quiet=True)
