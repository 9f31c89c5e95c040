"""The spin-down of the Crab pulsar: a line through its rotation frequencies, by least squares.

Reads frequencies.csv (Modified Julian Date, frequency in Hz) and writes results/spin_down.csv and results/residuals.fits.
The FITS file is written by hand: 80 characters a card, 2880 bytes a block, big-endian numbers (FITS 4.0, section 3).
"""

import csv
import struct
from math import fsum, pi
from pathlib import Path

DAY, YEAR = 86_400.0, 31_557_600.0  # seconds
INERTIA = 1.0e38  # kg m², the usual guess for a neutron star


def line(times: list[float], values: list[float]) -> tuple[float, float]:
    """Value at the middle and slope per second."""
    middle, mean = fsum(times) / len(times), fsum(values) / len(values)
    slope = fsum((t - middle) * (v - mean) for t, v in zip(times, values, strict=True)) / fsum((t - middle) ** 2 for t in times)
    return mean, slope


def fits(residuals: list[float]) -> bytes:
    """One row of 64-bit numbers as a FITS image."""
    cards = ["SIMPLE  =                    T", "BITPIX  =                  -64", "NAXIS   =                    1",
             f"NAXIS1  = {len(residuals):20d}", "BUNIT   = 'Hz      '", "END"]  # fmt: skip
    header = "".join(card.ljust(80) for card in cards).encode()
    data = struct.pack(f">{len(residuals)}d", *residuals)
    return header + b" " * (-len(header) % 2880) + data + bytes(-len(data) % 2880)


def main() -> None:
    """Read, fit, write."""
    with Path("frequencies.csv").open(newline="", encoding="utf-8") as file:
        rows = [(float(row["mjd"]) * DAY, float(row["frequency_hz"])) for row in csv.DictReader(file)]
    times, values = [time for time, _ in rows], [value for _, value in rows]
    frequency, slope = line(times, values)
    middle = fsum(times) / len(times)
    results = Path("results")
    results.mkdir(exist_ok=True)
    found = {
        "frequency_hz": frequency,
        "frequency_derivative_hz_s": slope,
        "characteristic_age_years": -frequency / (2 * slope) / YEAR,
        "energy_loss_w": -4 * pi**2 * INERTIA * frequency * slope,
    }
    text = "quantity,value\n" + "".join(f"{name},{value!r}\n" for name, value in found.items())
    (results / "spin_down.csv").write_text(text, encoding="utf-8")
    residuals = [value - frequency - slope * (time - middle) for time, value in rows]
    (results / "residuals.fits").write_bytes(fits(residuals))
    print(f"{found['characteristic_age_years']:.0f} years old, by its braking")


if __name__ == "__main__":
    main()
