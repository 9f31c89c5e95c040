"""What to do about outputs that two runs of one image made differently: a tolerance to declare, or a cause to look for."""

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from tagstone.domain.manifests.sections import Output
from tagstone.domain.runs.comparison import Change, Comparison, Deviation, Verdict

_KINDS = {
    "pixels": (".png", ".jpg", ".jpeg", ".gif", ".tif", ".tiff", ".webp", ".bmp", ".ppm", ".pgm"),
    "json": (".json", ".geojson", ".ipynb"),
    "fits": (".fits", ".fit", ".fts", ".fits.gz", ".fits.fz"),
    "numbers": (
        ".csv",
        ".tsv",
        ".txt",
        ".dat",
        ".ecsv",
        ".tex",
        ".md",
        ".log",
        ".xml",
        ".html",
        ".yaml",
        ".yml",
        ".out",
        ".tbl",
    ),
}
_FORMATS = {
    ".pdf": "PDF has its date in it: let the program that writes it heed SOURCE_DATE_EPOCH, as Matplotlib and LaTeX do",
    ".svg": "SVG has random names in it: in Matplotlib set rcParams['svg.hashsalt'], and metadata={'Date': None}",
    ".gz": "gzip writes the time: use `gzip -n`, or mtime=0 in Python",
    ".zip": "archives have the time of each file in them: set it, or keep the files themselves",
    ".npz": "archives have the time of each file in them: keep .npy files, or write the times yourself",
    ".tar": "archives have the time and owner of each file in them: keep the files themselves",
    ".h5": "HDF5 notes times: write with track_times=False",
    ".hdf5": "HDF5 notes times: write with track_times=False",
    ".nc": "NetCDF notes its history with the date: leave that attribute out",
    ".pkl": "pickles depend on the order of sets and on what shares an object: keep a table or JSON instead",
    ".xlsx": "Excel files have the time in them: keep a table as CSV",
}
_CAUSES = (
    (r"date or time|\b(19|20)\d\d-\d\d|\d\d:\d\d", "it has a date or time: take it from SOURCE_DATE_EPOCH, not from the clock"),
    (r"another order", "sort what comes from sets, from folders (os.listdir, glob) or from workers that run at once"),
    (r"0x[0-9a-f]{6,}", "it has an address in memory: write values, not how Python shows an object"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-", "it has a random name (UUID): leave it out, or make it from the data"),
    (r"/tmp|\.tmp|tmp[a-z0-9_]{6,8}\b", "it has the name of a temporary file: leave it out"),  # noqa: S108  # read, not used
)
_NUMBERS = (
    "set the seed of every random number generator; if sums are made by several threads, ask for one core "
    "(`run: resources: {cpu: 1}`)"
)
_MOST_RELATIVE, _MOST_ABSOLUTE, _MOST_PIXELS = 1e-6, 1e-9, 2.0


@dataclass(frozen=True)
class Advice:
    """What to do about one output: declare `rule`, where that would make the two runs equal, else what `text` says."""

    path: str
    text: str
    rule: Output | None = None


@dataclass(frozen=True)
class Repetition:
    """Two runs of one image, compared by the declared rules, with an advice for each output that differs."""

    comparison: Comparison
    advice: tuple[Advice, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """One word for all of it."""
        return self.comparison.verdict

    def as_text(self) -> str:
        """The answer for people."""
        both = self.comparison
        total = len(both.same) + len(both.equivalent) + len(both.changes)
        apart = f"; {len(both.equivalent)} within the declared tolerances" if both.equivalent else ""
        heads = {
            Verdict.IDENTICAL: f"both runs left the same {total} outputs",
            Verdict.EQUIVALENT: f"both runs left the same values in {total} outputs{apart}",
            Verdict.DIFFERENT: f"two runs differ in {len(both.changes)} of {total} outputs{apart}",
        }
        lines = [f"{self.verdict}: {heads[self.verdict]}"]
        if both.changes:
            lines.append("(recorded: by the first run, found: after the second)")
        told = {one.path: one.text for one in self.advice}
        for change in (*both.changes, *both.equivalent):
            lines.append(f"  {change}")
            lines += [f"    → {told[change.path]}"] if change.path in told else []
        return "\n".join(lines)

    def as_json(self) -> dict[str, object]:
        """The answer for programs."""
        advice = [
            {"path": one.path, "text": one.text, "rule": one.rule.model_dump() if one.rule else None} for one in self.advice
        ]
        return self.comparison.as_json() | {"advice": advice}


def advise_missing(change: Change) -> Advice:
    """What to do about an output that only one of the two runs wrote."""
    return Advice(change.path, "only one of the two runs wrote it: give it a name that does not change")


def advise(change: Change, by_value: Callable[[Output], Deviation]) -> tuple[Change, Advice]:
    """The change with how far its values are apart, and what to do; `by_value` compares its two files by a rule."""
    kind = change.rule.compare if change.rule and change.rule.compare != "bytes" else _kind(change.path)
    if kind is None:
        return change, Advice(change.path, _FORMATS.get(PurePosixPath(change.path).suffix.lower(), _by_bytes_only()))
    deviation = by_value(_rule(change.path, kind))
    measured = Change(change.path, change.kind, change.recorded, change.found, change.rule, deviation)
    if deviation.problem:
        return measured, Advice(change.path, _by_bytes_only())
    for rule in _candidates(change.path, kind, deviation):
        if by_value(rule).within:
            return measured, Advice(change.path, _declare(rule, change.rule), rule)
    return measured, Advice(change.path, _cause(deviation))


def _kind(path: str) -> str | None:
    """How a file of this name can be compared by value."""
    return next((kind for kind, endings in _KINDS.items() if path.lower().endswith(endings)), None)


def _candidates(path: str, kind: str, deviation: Deviation) -> Iterator[Output]:
    """Rules that may make the two equal, the strictest first; none that would hide more than rounding does."""
    largest, relative = deviation.largest, deviation.relative
    if largest is None or relative is None:
        if not deviation.beyond:
            yield _rule(path, kind)
        return
    if kind == "pixels":
        if largest <= _MOST_PIXELS:
            yield _rule(path, kind, atol=float(math.ceil(largest)))
        return
    if relative <= _MOST_RELATIVE:
        yield _rule(path, kind, rtol=_above(relative))
    if largest <= _MOST_ABSOLUTE:
        yield _rule(path, kind, atol=_above(largest))
    yield _rule(path, kind, rtol=_MOST_RELATIVE, atol=_MOST_ABSOLUTE)


def _rule(path: str, kind: str, rtol: float = 0.0, atol: float = 0.0) -> Output:
    # What a glob would read otherwise stands in brackets.
    glob = re.sub(r"([*?\[])", r"[\1]", path)
    return Output.model_validate({"path": glob, "compare": kind, "rtol": rtol, "atol": atol})


def _above(value: float) -> float:
    """The next power of ten that leaves room for three times as much: the next run will not differ by the same."""
    return float(f"1e{math.floor(math.log10(3 * value)) + 1}")


def _declare(rule: Output, declared: Output | None) -> str:
    parts = [f"path: {json.dumps(rule.path, ensure_ascii=False)}", f"compare: {rule.compare}"]
    parts += [f"{name}: {value:.3g}" for name, value in (("rtol", rule.rtol), ("atol", rule.atol)) if value]
    above = f", above {declared.path}" if declared and declared.path != rule.path else ""
    return f"declare below `outputs`{above}: {{{', '.join(parts)}}}"


def _cause(deviation: Deviation) -> str:
    said = "\n".join(deviation.notes)
    found = [advice for pattern, advice in _CAUSES if re.search(pattern, said)]
    if not found and deviation.largest is not None:
        found = [_NUMBERS]
    return "; ".join(found) or f"no tolerance helps; {_by_bytes_only()}"


def _by_bytes_only() -> str:
    return (
        "the usual causes: dates, random seeds, the number of threads, the order of sets and of files in folders, "
        "names of temporary files"
    )
