"""Hardware asked for, granted and used, as small drawings: numbers for the template's SVG, and the same in words."""

from collections.abc import Callable
from dataclasses import dataclass

from tagstone.domain.publications.record import RunFacts
from tagstone.domain.runs.hardware import format_bytes, format_seconds

WIDTH, HEIGHT = 360, 140  # pixels; no wider than it is shown, so that its words are as large as others
_LEFT, _RIGHT, _TOP, _BOTTOM = 8, 8, 26, 24
_WORDS = 16  # pixels that a line of words takes


@dataclass(frozen=True)
class Level:
    """A line across the drawing, such as what was asked for. Its words stand above it, or above one close to it, at the left or the right.

    `y` and `words_y` in pixels from the top.
    """

    name: str
    value: str
    y: float
    words_y: float
    left: bool = False


@dataclass(frozen=True)
class Plot:
    """One quantity over time: `area` and `line` are SVG paths, `words` say what they show."""

    id: str
    title: str
    area: str
    line: str
    levels: tuple[Level, ...]
    end: str
    words: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    floor: int = HEIGHT - _BOTTOM


def plots(run: RunFacts) -> list[Plot]:
    """Processors and memory over time; nothing where fewer than two moments were measured."""
    samples, granted, asked = run.status.usage, run.status.granted, run.spec.resources
    times = [sample.at for sample in samples]
    if len(samples) < 2 or max(times) <= min(times):
        return []
    cpu_levels = [("asked for", asked.cpu), ("granted", granted.cpu_limit if granted else None)]
    memory_levels: list[tuple[str, float | None]] = [
        ("asked for", asked.memory),
        ("granted", granted.memory_limit if granted else None),
    ]
    return [
        _plot("cpu", "Processors", times, [sample.cpu for sample in samples], cpu_levels, _cores),
        _plot(
            "memory", "Memory", times, [float(s.memory) for s in samples], memory_levels, lambda value: format_bytes(int(value))
        ),
    ]


def _cores(value: float) -> str:
    return f"{value:.2g} {'core' if value == 1 else 'cores'}"


def _plot(
    name: str,
    title: str,
    times: list[float],
    values: list[float],
    levels: list[tuple[str, float | None]],
    show: Callable[[float], str],
) -> Plot:
    known = [(word, value) for word, value in levels if value]
    highest = max([*values, *(value for _, value in known)]) or 1.0
    first, span = min(times), max(times) - min(times)

    def across(at: float) -> float:
        return round(_LEFT + (at - first) / span * (WIDTH - _LEFT - _RIGHT), 1)

    def up(value: float) -> float:
        return round(HEIGHT - _BOTTOM - value / highest * (HEIGHT - _TOP - _BOTTOM), 1)

    points = [f"{across(at)} {up(value)}" for at, value in zip(times, values, strict=True)]
    line = "M" + "L".join(points)
    area = f"{line}L{across(times[-1])} {HEIGHT - _BOTTOM}L{across(times[0])} {HEIGHT - _BOTTOM}Z"
    most, mean = max(values), sum(values) / len(values)
    limits = ", ".join(f"{show(value)} {word}" for word, value in known)
    words = f"{title} used over {format_seconds(span)}: {show(most)} at most, {show(mean)} on average" + (
        f"; {limits}." if limits else "."
    )
    return Plot(name, title, area, line, _merged(known, show, up), format_seconds(span), words)


def _merged(known: list[tuple[str, float]], show: Callable[[float], str], up: Callable[[float], float]) -> tuple[Level, ...]:
    """The lines; those of one height are one line, and a second one has its words at the other end, so that none lie upon others."""
    names: dict[float, list[str]] = {}
    for word, value in known:
        names.setdefault(value, []).append(word)
    heights = {value: up(value) for value in names}
    top = min(heights.values(), default=0.0)
    found = []
    for number, (value, y) in enumerate(heights.items()):
        words_y = round((top if y - top < _WORDS else y) - 5, 1)
        found.append(Level(" and ".join(names[value]), show(value), y, words_y, left=number > 0))
    return tuple(found)
