"""How the Earth's pole wanders: the Chandler and annual wobbles since 1962, from the IERS C04 series.

Reads the daily pole coordinates that the package astropy-iers-data carries and writes

    results/polar_motion.png   the pole's path, its spectrum, and the strength of the Chandler wobble over time
    results/periods.csv        period and amplitude of each wobble
    results/summary.json       the same and the drift of the mean pole, for programs

The pole is one complex number, p = x - iy in milliarcseconds (mas): x points to Greenwich, y to 90 degrees west, so that
prograde (eastward) circles turn with positive frequency. One mas is 31 mm on the ground.

Every number is rounded well above the last bits of floating point, so that the same data give the same bytes anywhere.
"""

import argparse
import csv
import json
import os
from dataclasses import dataclass
from pathlib import Path

# One thread: sums come in one order on any number of cores, and nothing here is large enough to gain from more.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import astropy_iers_data
import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.collections import LineCollection
from matplotlib.patheffects import withStroke

YEAR = 365.25  # days
METRES_PER_MAS = 6_356_752.3 * np.pi / 180 / 3_600_000  # polar radius of GRS 80
# The slow drift is a parabola; the seasons are fixed by the Sun, and as ellipses they need both directions.
SEASONS = {"annual": YEAR, "semi-annual": YEAR / 2}
BLOCKS = 8  # of the jackknife: eight years each, longer than the beat of the two wobbles


@dataclass(frozen=True)
class Wobble:
    """One circular motion; the period in days, its error from the jackknife (0 where the period is given), amplitude in mas."""

    name: str
    direction: str
    period: float
    period_error: float
    amplitude: float


def read_pole(since: int) -> tuple[np.ndarray, np.ndarray]:
    """Return time in years (days since 2000.0 over 365.25) and the pole p in mas, at every fifth day from `since` on."""
    table = np.loadtxt(astropy_iers_data.IERS_B_FILE, usecols=(0, 4, 5, 6))
    table = table[table[:, 0] >= since][::5]  # nothing looked for here is quicker than months
    return (table[:, 1] - 51544.5) / YEAR, 1000 * (table[:, 2] - 1j * table[:, 3])


def design(time: np.ndarray, chandler: float) -> np.ndarray:
    """Columns: 1, t, t², both directions of each season, and the Chandler wobble with a period of `chandler` days."""
    periods = [sign * period for period in SEASONS.values() for sign in (1, -1)] + [chandler]
    circles = [np.exp(2j * np.pi * time * YEAR / period) for period in periods]
    return np.stack([np.ones_like(time), time, time**2, *circles], axis=1)


def fit(time: np.ndarray, pole: np.ndarray, chandler: float) -> tuple[np.ndarray, float]:
    """Least squares: coefficients in mas, and the sum of squared residuals."""
    columns = design(time, chandler)
    coefficients = np.linalg.lstsq(columns, pole, rcond=None)[0]
    return coefficients, float(np.sum(np.abs(pole - columns @ coefficients) ** 2))


def chandler_period(time: np.ndarray, pole: np.ndarray) -> float:
    """The period in days that leaves the smallest residual: the best of a grid, refined by a parabola."""
    trial = np.arange(420.0, 446.0, 0.5)
    residual = np.array([fit(time, pole, period)[1] for period in trial])
    best = int(np.argmin(residual))
    left, middle, right = residual[best - 1 : best + 2]
    return float(trial[best] + 0.25 * (left - right) / (left - 2 * middle + right))


def wobbles(time: np.ndarray, pole: np.ndarray) -> tuple[list[Wobble], np.ndarray]:
    """Fit everything at once; the error of the Chandler period comes from leaving out one block of years after the other."""
    period = chandler_period(time, pole)
    block = np.arange(len(time)) * BLOCKS // len(time)
    without = np.array([chandler_period(time[block != b], pole[block != b]) for b in range(BLOCKS)])
    error = float(np.sqrt((BLOCKS - 1) / BLOCKS * np.sum((without - without.mean()) ** 2)))
    coefficients, _ = fit(time, pole, period)
    amplitude = np.abs(coefficients[3:])
    found = [Wobble("Chandler", "prograde", period, error, float(amplitude[-1]))]
    names = [(name, direction, length) for name, length in SEASONS.items() for direction in ("prograde", "retrograde")]
    found += [
        Wobble(name, direction, length, 0.0, float(a)) for (name, direction, length), a in zip(names, amplitude, strict=False)
    ]
    return found, coefficients


def spectrum(time: np.ndarray, pole: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Amplitude in mas by frequency in cycles per year (negative: retrograde), Hann window, padded for a smooth curve."""
    window = np.hanning(len(pole))
    amplitude = np.abs(np.fft.fft(pole * window, 16 * len(pole))) / window.sum()
    frequency = np.fft.fftfreq(len(amplitude), d=(time[-1] - time[0]) / (len(time) - 1))
    return np.fft.fftshift(frequency), np.fft.fftshift(amplitude)


def chandler_history(time: np.ndarray, pole: np.ndarray, period: float) -> tuple[np.ndarray, np.ndarray]:
    """Chandler amplitude in mas, fitted in windows of 6.4 years: the beat with the annual wobble, so that the two come apart."""
    width = 6.4
    centres = np.arange(np.ceil(time[0] + width / 2), time[-1] - width / 2, 0.25)
    inside = [np.abs(time - centre) <= width / 2 for centre in centres]
    return centres, np.array([np.abs(fit(time[i] - c, pole[i], period)[0][-1]) for c, i in zip(centres, inside, strict=True)])


def draw(time: np.ndarray, pole: np.ndarray, found: list[Wobble], coefficients: np.ndarray, target: Path) -> None:
    """Draw the three panels."""
    plt.rcParams.update({"font.family": "DejaVu Sans", "font.size": 10, "axes.spines.top": False, "axes.spines.right": False})
    figure = plt.figure(figsize=(12, 6.2), layout="constrained", facecolor="white")
    grid = figure.add_gridspec(2, 2, width_ratios=(1.05, 1))
    mean = design(time, found[0].period)[:, :3] @ coefficients[:3]
    draw_path(figure, figure.add_subplot(grid[:, 0]), time, pole, mean)
    draw_spectrum(figure.add_subplot(grid[0, 1]), *spectrum(time, pole - mean), found)
    draw_history(figure.add_subplot(grid[1, 1]), *chandler_history(time, pole, found[0].period))
    # The picture says nothing about when and by what it was made: equal pictures are equal bytes.
    figure.savefig(target, dpi=120, metadata={"Software": None})
    plt.close(figure)


def draw_path(figure: plt.Figure, axes: plt.Axes, time: np.ndarray, pole: np.ndarray, mean: np.ndarray) -> None:
    """The pole seen from above, coloured by year, with the drift of its mean."""
    points = np.stack([-pole.imag, pole.real], axis=1)
    lines = LineCollection(np.stack([points[:-1], points[1:]], axis=1), cmap="viridis", linewidths=0.7, alpha=0.75)
    lines.set_array(2000 + time[:-1])
    axes.add_collection(lines)
    halo = [withStroke(linewidth=4, foreground="white")]
    axes.plot(-mean.imag, mean.real, color="#d1495b", linewidth=3, label="mean pole", path_effects=halo)
    for end, offset, side in ((0, (-4, 9), "right"), (-1, (0, 9), "center")):
        place, year = (-mean.imag[end], mean.real[end]), f"{int(2000 + time[end])}"
        style = {"color": "#a02c3d", "weight": "bold", "ha": side, "path_effects": halo}
        axes.annotate(year, place, offset, textcoords="offset points", **style)
    axes.set(xlabel="y, towards 90° W [mas]", ylabel="x, towards Greenwich [mas]", title="The path of the pole", aspect="equal")
    axes.autoscale()
    axes.legend(loc="upper left", frameon=False)
    figure.colorbar(lines, ax=axes, shrink=0.6, label="year", pad=0.01)


def draw_spectrum(axes: plt.Axes, frequency: np.ndarray, amplitude: np.ndarray, found: list[Wobble]) -> None:
    """Prograde and retrograde spectrum over the same axis of periods."""
    near = (np.abs(frequency) > YEAR / 560) & (np.abs(frequency) < YEAR / 310)
    for sign, name, colour in ((1, "prograde", "#1d3557"), (-1, "retrograde", "#e9a03b")):
        side = near & (np.sign(frequency) == sign)
        axes.fill_between(YEAR / np.abs(frequency[side]), amplitude[side], color=colour, alpha=0.18, linewidth=0)
        axes.plot(YEAR / np.abs(frequency[side]), amplitude[side], color=colour, linewidth=1.5, label=name)
    for wobble in found[:2]:
        axes.axvline(wobble.period, color="#888888", linewidth=0.8, linestyle=":")
        text = f"{wobble.name}\n{wobble.period:.1f} d" if wobble.period_error else f"{wobble.name}\n1 year"
        axes.annotate(
            text, (wobble.period, 1), (6, 0), xycoords=("data", "axes fraction"), textcoords="offset points", va="top"
        )
    axes.set(
        xlim=(310, 560),
        ylim=(0, 1.35 * amplitude[near].max()),
        xlabel="period [days]",
        ylabel="amplitude [mas]",
        title="Two wobbles",
    )
    axes.legend(loc="upper right", frameon=False)


def draw_history(axes: plt.Axes, centres: np.ndarray, amplitude: np.ndarray) -> None:
    """The Chandler wobble's amplitude over time, on the ground as well."""
    axes.fill_between(2000 + centres, amplitude, color="#1d3557", alpha=0.18, linewidth=0)
    axes.plot(2000 + centres, amplitude, color="#1d3557", linewidth=1.8)
    axes.set(ylim=(0, None), xlabel="year", ylabel="amplitude [mas]", title="The Chandler wobble faded, and stirs again")
    axes.secondary_yaxis("right", functions=(lambda mas: mas * METRES_PER_MAS, lambda m: m / METRES_PER_MAS)).set_ylabel(
        "[m at the pole]"
    )


def write_table(found: list[Wobble], target: Path) -> None:
    """One line for each wobble."""
    with target.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["wobble", "direction", "period_days", "period_error_days", "amplitude_mas", "amplitude_m"])
        for w in found:
            error = f"{w.period_error:.1f}" if w.period_error else ""
            table.writerow(
                [w.name, w.direction, f"{w.period:.2f}", error, f"{w.amplitude:.2f}", f"{w.amplitude * METRES_PER_MAS:.3f}"]
            )


def summary(
    time: np.ndarray, found: list[Wobble], coefficients: np.ndarray, history: tuple[np.ndarray, np.ndarray]
) -> dict[str, object]:
    """What was found, for programs."""
    rate = coefficients[1] + coefficients[2] * (time[0] + time[-1])  # the parabola's slope over the whole span
    centres, amplitude = history
    low, high = int(np.argmin(amplitude)), int(np.argmax(amplitude))
    return {
        "data": {"package": "astropy-iers-data", "version": astropy_iers_data.__version__, "series": "IERS 20 C04"},
        "span_years": [round(2000 + float(time[0]), 2), round(2000 + float(time[-1]), 2)],
        "chandler": {
            "period_days": round(found[0].period, 2),
            "period_error_days": round(found[0].period_error, 1),
            "strongest": {"year": round(2000 + float(centres[high]), 2), "amplitude_mas": round(float(amplitude[high]), 1)},
            "weakest": {"year": round(2000 + float(centres[low]), 2), "amplitude_mas": round(float(amplitude[low]), 1)},
        },
        "drift": {
            "rate_mas_per_year": round(float(abs(rate)), 2),
            "towards_degrees_west": round(float(np.degrees(np.arctan2(-rate.imag, rate.real))), 1),
        },
    }


def main() -> None:
    """Read, fit, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--since", type=int, default=1962, help="first year that counts (the series begins in 1962)")
    since = parser.parse_args().since
    results = Path("results")
    results.mkdir(exist_ok=True)

    time, pole = read_pole(since)
    found, coefficients = wobbles(time, pole)
    history = chandler_history(time, pole, found[0].period)
    write_table(found, results / "periods.csv")
    text = json.dumps(summary(time, found, coefficients, history), indent=2)
    (results / "summary.json").write_text(text + "\n", encoding="utf-8")
    draw(time, pole, found, coefficients, results / "polar_motion.png")

    print(f"{len(time)} positions of the pole, {2000 + time[0]:.1f} to {2000 + time[-1]:.1f}")
    for wobble in found:
        print(f"{wobble.name:>12} {wobble.direction:<11} {wobble.period:7.2f} d {wobble.amplitude:8.2f} mas")


if __name__ == "__main__":
    main()
