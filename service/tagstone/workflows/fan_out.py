"""All runs of a matrix: so many at once, each kept as it ends, so that what is begun again is only what has not ended well."""

from dataclasses import replace
from functools import partial

from tagstone.actions import run as running
from tagstone.actions import run_matrix
from tagstone.actions.run_matrix import Planned
from tagstone.domain.publications.record import Facts, MatrixRun, RunFacts
from tagstone.domain.runs.hardware import format_seconds
from tagstone.domain.runs.run import LogChunk, Outcome, RunStatus
from tagstone.errors import NotFound
from tagstone.workflows.work import Work

_LOG = "run"
_INTERRUPTIONS = (Outcome.ENGINE, Outcome.DISRUPTED)


async def run_all(work: Work, facts: Facts) -> Facts:
    """Every run of the matrix that has not ended well yet; all come to their end before a failure is told.

    Raises:
        RunFailed: some ended badly; what they left is recorded, and what the others left is kept.
        Temporary: some were no fault of the analysis; they alone are begun again.
    """
    planned = await work.call(run_matrix.plan, facts, work.subject.key)
    runs = _Runs(work, run_matrix.kept(facts, planned), planned)
    await runs.to_their_end()
    if runs.interrupted:
        # A failure of an engine counts as a try, what was only taken away does not.
        worst = next((status for status in runs.interrupted if status.outcome is Outcome.ENGINE), runs.interrupted[0])
        raise running.interruption(worst)
    facts = runs.facts
    facts = replace(facts, run=await work.call(run_matrix.in_one, facts.matrix, work.ports.storage))
    await work.call(work.end_log, _LOG)
    failed = run_matrix.failures(facts.matrix, work.subject.id)
    if failed is not None:
        await work.call(work.remember, facts)
        raise failed
    return facts


class _Runs:
    """The runs that are to be begun, those that are under way, and the facts with those that have ended."""

    def __init__(self, work: Work, facts: Facts, planned: tuple[Planned, ...]) -> None:
        self._work = work
        self._runner = work.ports.runner
        self._total = len(planned)
        ended = {one.combination for one in facts.matrix}
        self._left = [one for one in planned if one.combination not in ended]
        self._active: list[Planned] = []
        self._statuses: dict[str, RunStatus] = {}
        self._told = ""
        self.facts = facts
        self.interrupted: list[RunStatus] = []

    async def to_their_end(self) -> None:
        """Begin so many at once as the manifest says, and keep each as it ends."""
        run = running.manifest_of(self.facts).run
        parallel = min((run.parallel if run else None) or 1, self._work.policy.parallel)
        await self._work.call(self._begun_first)
        while self._left or self._active:
            await self._work.look()
            while self._left and len(self._active) < parallel:
                one = self._left.pop(0)
                await self._work.call(self._runner.start, one.key, one.spec)
                self._active.append(one)
            for one in await self._work.until(self._look, self._quiet):
                self._active.remove(one)
                await self._end(one, self._statuses.pop(one.key))

    def _begun_first(self) -> None:
        """Put in front what an earlier worker began: it is adopted before anything else is begun, so that never more go on at once."""
        begun = []
        for one in self._left:
            try:
                self._runner.observe(one.key)
            except NotFound:
                continue
            begun.append(one)
        self._left = [*begun, *(one for one in self._left if one not in begun)]

    async def _look(self) -> list[Planned] | None:
        """Those under way that have ended; None while none has."""
        for one in self._active:
            self._statuses[one.key] = await self._work.call(self._runner.observe, one.key)
            await self._pump(one)
        await self._tell()
        return [one for one in self._active if not self._statuses[one.key].running] or None

    def _quiet(self) -> bool:
        return all(self._statuses[one.key].waits for one in self._active)

    async def _pump(self, one: Planned) -> None:
        read = partial(self._read, one.key)
        await self._work.call(self._work.pump, one.log, read)

    def _read(self, key: str, _publication: str, cursor: str) -> LogChunk:
        return self._runner.logs(key, cursor)

    async def _tell(self) -> None:
        """Say how far it is, and what the first of those that wait waits for."""
        waits = next((said for one in self._active if (said := self._statuses[one.key].detail)), "")
        told = f"Of {self._total} runs {len(self.facts.matrix)} have ended, {len(self._active)} are under way. {waits}".strip()
        if told != self._told:
            self._told = told
            await self._work.call(self._work.waits, told)

    async def _end(self, one: Planned, status: RunStatus) -> None:
        """Keep what one run left, record it, and remove it; what was no fault of the analysis is removed alone."""
        await self._pump(one)
        if status.outcome in _INTERRUPTIONS:
            await self._work.call(self._work.say, _LOG, f"=== {one.combination}: {status.outcome}, it is begun again ===")
            await self._work.call(self._runner.remove, one.key)
            await self._work.call(self._work.rewind_log, one.log)
            self.interrupted.append(status)
            return
        await self._work.call(self._keep, one, status)
        await self._work.call(self._runner.remove, one.key)

    def _keep(self, one: Planned, status: RunStatus) -> None:
        work = self._work
        stored = work.ports.storage.keep(work.whole_log(one.log))
        well = status.outcome is Outcome.SUCCEEDED
        outputs, problem = run_matrix.collect(self._runner, one, self.facts, work.policy, well=well)
        run = RunFacts(one.spec, status, self._runner.name, stored.key, stored.size, stored.sha256)
        ended = MatrixRun(one.combination, one.key, run, problem)
        self.facts = run_matrix.with_run(self.facts, ended, outputs)
        work.remember(self.facts)
        # All logs of runs that have ended, for whoever reads one log; twice where a worker was killed here.
        work.say(_LOG, f"=== {one.combination}: {_said(ended)} ===")
        work.append_log(one.log, _LOG)
        work.end_log(one.log)


def _said(ended: MatrixRun) -> str:
    status = ended.run.status
    known = status.started_at is not None and status.finished_at is not None
    taken = f" after {format_seconds((status.finished_at or 0) - (status.started_at or 0))}" if known else ""
    return f"{status.outcome}{taken}" + (f", {ended.problem}" if ended.problem else "")
