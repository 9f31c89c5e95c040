"""The runs of a matrix: what each is given and known by, what of them is kept, and what their ends mean together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tagstone.actions.run import failure, manifest_of, output_rules, run_spec
from tagstone.domain.manifests.manifest import parse_manifest
from tagstone.domain.publications.policy import Policy
from tagstone.domain.publications.record import Facts, MatrixRun, RunFacts
from tagstone.domain.reading.paths import path_problem
from tagstone.domain.runs.matrix import Combination, combinations
from tagstone.domain.runs.run import Outcome, OutputFile, RunSpec
from tagstone.errors import Invalid, NotFound, RunFailed
from tagstone.ports import Runner, Storage

_TOLD = 20


@dataclass(frozen=True)
class Planned:
    """One run that is to be: its combination, what the runner is asked for, the key it is known by outside, and its log's name."""

    combination: Combination
    spec: RunSpec
    key: str

    @property
    def log(self) -> str:
        """What its log is called while it runs."""
        return f"run.{self.combination.number}"


def has_matrix(facts: Facts) -> bool:
    """Say whether the manifest asks for several runs."""
    return bool(_combinations(facts))


def plan(facts: Facts, key: str) -> tuple[Planned, ...]:
    """Every run of the matrix, by number; `key` is the publication's own."""
    return tuple(Planned(one, run_spec(facts, one), run_key(key, one)) for one in _combinations(facts))


def run_key(key: str, combination: Combination) -> str:
    """What one run of a matrix is known by outside."""
    return f"{key}-{combination.number}"


def keys(facts: Facts | None, key: str) -> tuple[str, ...]:
    """What any run of the publication may be known by outside."""
    return tuple(run_key(key, one) for one in _combinations(facts)) or (key,)


def _combinations(facts: Facts | None) -> tuple[Combination, ...]:
    manifest, _ = parse_manifest(facts.source.manifest) if facts is not None else (None, ())
    return combinations(manifest.run.matrix) if manifest is not None and manifest.run is not None else ()


def kept(facts: Facts, planned: Sequence[Planned]) -> Facts:
    """The facts with those runs alone that are not begun again, and with what they left.

    These are the ones asked for as they are now that ended well, in whichever attempt, or ended badly in this one.
    """
    asked = {one.combination: one for one in planned}
    matrix = tuple(
        one
        for one in facts.matrix
        if (now := asked.get(one.combination)) is not None and now.spec == one.run.spec and (one.well or one.key == now.key)
    )
    outputs = tuple(file for file in facts.outputs if any(of(one.combination, file) for one in matrix))
    return replace(facts, run=None, matrix=matrix, outputs=outputs)


def with_run(facts: Facts, ended: MatrixRun, outputs: Sequence[OutputFile]) -> Facts:
    """The facts with one run more, in the place of an earlier one of the same number."""
    others = [one for one in facts.matrix if one.combination.number != ended.combination.number]
    matrix = sorted([*others, ended], key=lambda one: one.combination.number)
    left = [file for file in facts.outputs if not of(ended.combination, file)]
    return replace(facts, matrix=tuple(matrix), outputs=tuple(sorted([*left, *outputs], key=lambda file: file.path)))


def of(combination: Combination, file: OutputFile) -> bool:
    """Say whether a run of this combination left the file."""
    return not file.brought and file.path.startswith(f"{combination.folder}/")


def collect(runner: Runner, one: Planned, facts: Facts, policy: Policy, *, well: bool) -> tuple[list[OutputFile], str]:
    """The outputs of one run below its folder, and what was wrong with them; of one that failed what there is.

    All runs together may leave what one alone may.
    """
    if not manifest_of(facts).outputs.made:
        return [], ""
    others = [file for file in facts.outputs if not of(one.combination, file)]
    rules, size = output_rules(facts, policy), sum(file.size for file in others)
    left = max(0, rules.max_total_bytes - size)
    rules = replace(
        rules,
        max_files=max(0, rules.max_files - len(others)),
        max_file_bytes=min(rules.max_file_bytes, left),
        max_total_bytes=left,
    )
    try:
        files = [_below(one.combination, file) for file in runner.collect(one.key, rules)]
    except (Invalid, NotFound) as error:
        told = f" The other runs left {len(others)} files before." if others else ""
        return [], f"{error.message}{told} {error.remedy}" if well else ""
    return files, ""


def _below(combination: Combination, file: OutputFile) -> OutputFile:
    path = f"{combination.folder}/{file.path}"
    problem = path_problem(path)
    if problem is not None:
        raise Invalid(f"The output {path[:200]!r} {problem}: it cannot be archived.", remedy="Give it another name.")
    return replace(file, path=path)


def whole_log(storage: Storage, runs: Sequence[MatrixRun]) -> Iterator[bytes]:
    """The logs of all runs, one after the other, each below a line that names it."""
    for one in runs:
        yield f"=== {one.combination} ===\n".encode()
        last = b"\n"
        with storage.open(one.run.log_key) as stream:
            while chunk := stream.read(2**20):
                yield chunk
                last = chunk
        yield b"" if last.endswith(b"\n") else b"\n"


def in_one(runs: Sequence[MatrixRun], storage: Storage) -> RunFacts:
    """All runs as one: asked for as the first one was, from the first's beginning to the last's end, with the worst end."""
    log = storage.keep(whole_log(storage, runs))
    first = runs[0].run
    statuses = [one.run.status for one in runs]
    worst = next((one.run.status for one in runs if not one.well), statuses[0])
    peaks = [status.peak_memory for status in statuses if status.peak_memory is not None]
    seconds = [status.cpu_seconds for status in statuses if status.cpu_seconds is not None]
    status = replace(
        worst,
        started_at=min((status.started_at for status in statuses if status.started_at is not None), default=None),
        finished_at=max((status.finished_at for status in statuses if status.finished_at is not None), default=None),
        peak_memory=max(peaks, default=None),
        cpu_seconds=sum(seconds) if len(seconds) == len(statuses) else None,
        # What each used when is said of each: laid over one another it would mean nothing.
        usage=(),
    )
    return RunFacts(first.spec, status, first.runner, log.key, log.size, log.sha256)


def failures(runs: Sequence[MatrixRun], publication: str) -> RunFailed | None:
    """What is to be said of the runs that did not end well, each with what to do about it; None where all did."""
    failed = [one for one in runs if not one.well]
    if not failed:
        return None
    told = [f"  {one.combination}: {_why(one, publication)}" for one in failed[:_TOLD]]
    more = [f"  and {len(failed) - _TOLD} more"] if len(failed) > _TOLD else []
    worst = failed[0]
    kind = str(worst.run.status.outcome if worst.run.status.outcome is not Outcome.SUCCEEDED else Outcome.FAILED)
    return RunFailed(
        "\n".join([f"{len(failed)} of {len(runs)} runs failed; what the others left is kept.", *told, *more]),
        remedy=f"A run that failed by chance: `tagstone retry {publication}` begins those alone that failed. Otherwise correct what "
        "is said of each, and publish a new tag.",
        kind=kind,
    )


def _why(one: MatrixRun, publication: str) -> str:
    if one.problem:
        return one.problem
    error = failure(one.run.status, one.run.spec, publication)
    return f"{error.message} {error.remedy}"
