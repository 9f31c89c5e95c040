"""Hubble's diagram of 1929: velocity against distance of 24 nebulae, and the slope of the line through them.

Distances in Mpc, velocities in km/s, the slope in km/s/Mpc. Numbers are rounded well above the last bits of floating point.
"""

import csv
import json
from pathlib import Path

import numpy as np

GIGAYEARS = 977.8  # one Mpc over one km/s, in 10^9 years
WIDTH, HEIGHT, MARGIN = 640, 420, 56  # of the picture, in pixels
FARTHEST, SLOWEST, FASTEST = 2.2, -400.0, 1200.0  # the picture's axes


def read(path: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return names, distances in Mpc and velocities in km/s."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = (np.array([float(row[name]) for row in rows]) for name in ("distance_mpc", "velocity_km_s"))
    return [row["object"] for row in rows], *columns


def line(distance: np.ndarray, velocity: np.ndarray) -> tuple[float, float]:
    """Slope and offset by least squares."""
    design = np.stack([distance, np.ones_like(distance)], axis=1)
    slope, offset = np.linalg.lstsq(design, velocity, rcond=None)[0]
    return float(slope), float(offset)


def through_origin(distance: np.ndarray, velocity: np.ndarray) -> float:
    """The slope of the line that has no offset."""
    return float(np.sum(distance * velocity) / np.sum(distance**2))


def jackknife(distance: np.ndarray, velocity: np.ndarray) -> float:
    """The slope's error: leave out one nebula after the other."""
    count = len(distance)
    slopes = np.array([line(np.delete(distance, i), np.delete(velocity, i))[0] for i in range(count)])
    return float(np.sqrt((count - 1) / count * np.sum((slopes - slopes.mean()) ** 2)))


def place(distance: float, velocity: float) -> tuple[str, str]:
    """Where a point is in the picture."""
    x = MARGIN + distance / FARTHEST * (WIDTH - 2 * MARGIN)
    y = HEIGHT - MARGIN - (velocity - SLOWEST) / (FASTEST - SLOWEST) * (HEIGHT - 2 * MARGIN)
    return f"{x:.1f}", f"{y:.1f}"


def draw(names: list[str], distance: np.ndarray, velocity: np.ndarray, slope: float, offset: float) -> str:
    """The diagram as SVG; pointing at a nebula shows its name."""
    (left, zero), (right, _) = place(0, 0), place(FARTHEST, 0)
    (x1, y1), (x2, y2) = place(0, offset), place(FARTHEST, offset + slope * FARTHEST)
    points = "\n".join(
        '  <circle cx="{}" cy="{}" r="5" fill="#1d3557" fill-opacity=".75"><title>{}</title></circle>'.format(
            *place(d, v), name
        )
        for name, d, v in zip(names, distance, velocity, strict=True)
    )
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">
  <title>Velocity against distance of 24 nebulae (Hubble 1929)</title>
  <rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>
  <path d="M{left} {zero}H{right}M{left} {MARGIN}V{HEIGHT - MARGIN}" stroke="#888" fill="none"/>
  <line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="#d1495b" stroke-width="2.5"/>
{points}
  <text x="{WIDTH / 2}" y="{HEIGHT - 20}" text-anchor="middle">distance, 0 to {FARTHEST} Mpc</text>
  <text x="20" y="{HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 20 {HEIGHT / 2})">velocity, -400 to 1200 km/s</text>
  <text x="{WIDTH - MARGIN}" y="{MARGIN}" text-anchor="end" fill="#a02c3d">{slope:.0f} km/s/Mpc</text>
</svg>
"""


def main() -> None:
    """Read, fit, write."""
    names, distance, velocity = read(Path("nebulae.csv"))
    slope, offset = line(distance, velocity)
    found = {
        "nebulae": len(names),
        "hubble_constant_km_s_mpc": round(slope, 2),
        "error_km_s_mpc": round(jackknife(distance, velocity), 2),
        "offset_km_s": round(offset, 2),
        "through_origin_km_s_mpc": round(through_origin(distance, velocity), 2),
        "age_gigayears": round(GIGAYEARS / slope, 3),
    }
    results = Path("results")
    results.mkdir(exist_ok=True)
    (results / "hubble.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    rows = [f"{name},{v - slope * d - offset:.1f}" for name, d, v in zip(names, distance, velocity, strict=True)]
    (results / "residuals.csv").write_text("object,residual_km_s\n" + "\n".join(rows) + "\n", encoding="utf-8")
    (results / "hubble.svg").write_text(draw(names, distance, velocity, slope, offset), encoding="utf-8")
    print(f"{slope:.0f} km/s/Mpc: the universe would be {GIGAYEARS / slope:.1f} thousand million years old")


if __name__ == "__main__":
    main()
