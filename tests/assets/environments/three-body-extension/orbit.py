"""Follow the figure-eight orbit once around; write the path and how well energy and the start are met again."""

import json
from pathlib import Path

from threebody import FIGURE_EIGHT, PERIOD, advance, energy

POINTS, STEPS = 200, 500  # points on the path, steps between them


def main() -> None:
    """Integrate and write."""
    positions, velocities = FIGURE_EIGHT
    start = energy(positions, velocities)
    rows = []
    for point in range(POINTS):
        rows.append(f"{point / POINTS:.3f}," + ",".join(f"{number:.6f}" for number in positions))
        positions, velocities = advance(positions, velocities, PERIOD / POINTS / STEPS, STEPS)
    missed = max(abs(a - b) for a, b in zip(positions, FIGURE_EIGHT[0], strict=True))
    found = {
        "energy": round(start, 6),
        "energy_error": f"{abs(energy(positions, velocities) - start):.0e}",
        "missed_by": f"{missed:.1e}",
    }
    results = Path("results")
    results.mkdir(exist_ok=True)
    (results / "path.csv").write_text("phase,x1,y1,x2,y2,x3,y3\n" + "\n".join(rows) + "\n", encoding="utf-8")
    (results / "orbit.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(f"after one period the bodies miss where they began by {missed:.1e}")


if __name__ == "__main__":
    main()
