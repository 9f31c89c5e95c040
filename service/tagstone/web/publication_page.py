"""What the page of a publication under way, or ended, shows: its steps with times, why it waits, what went wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

from tagstone.domain.forges.remote import is_remote
from tagstone.domain.publications.publication import Kind, State, Step, steps
from tagstone.ports import Storage
from tagstone.store.steps import FAILED, WAITING
from tagstone.store.tables import Log, Publication, StepRow
from tagstone.web import log_text
from tagstone.web.failure import Failure, explain

NAMES = {
    Step.RESOLVE: "Resolve the tag and check the manifest",
    Step.BUILD: "Build the image",
    Step.RESERVE: "Reserve the DOI",
    Step.RUN: "Run the analysis",
    Step.COLLECT: "Collect the outputs",
    Step.BUNDLE: "Bundle everything",
    Step.UPLOAD: "Upload the bundle",
    Step.REVIEW: "Wait for approval, where it is asked for",
    Step.RELEASE: "Release the record",
    Step.CONFIRM: "Confirm that it is there",
}
_LOGS = {"inputs": "Inputs", "build": "Log of the build", "run": "Log of the run"}
_ONE_RUN = "run."
_MOST_RUNS = 8


@dataclass(frozen=True)
class StepLine:
    """One step of the chain; `state` is the journal's word, `pending` before it began. Times in seconds."""

    name: str
    title: str
    state: str
    started_at: float | None = None
    taken: float | None = None
    tries: int = 0
    detail: str | None = None


@dataclass(frozen=True)
class LogPart:
    """The end of one log; `address` is where the whole of it is."""

    title: str
    source: str
    text: str
    size: int
    ended: bool


@dataclass(frozen=True)
class PublicationPage:
    """Everything that the template of a publication shows."""

    row: Publication
    steps: list[StepLine]
    logs: list[LogPart]
    failure: Failure | None = None

    @property
    def active(self) -> bool:
        """True while it may change."""
        return State(self.row.state).active

    @property
    def to_approve(self) -> bool:
        """True while a person has to look before the release."""
        resting = any(line.name == Step.REVIEW and line.state == WAITING for line in self.steps)
        return self.active and resting and self.row.approved_at is None

    @property
    def record(self) -> bool:
        """True when it has a record's page."""
        return State(self.row.state).done


def gather(row: Publication, journal: Sequence[StepRow], logs: Sequence[Log], storage: Storage, now: float) -> PublicationPage:
    """All that the page of `row` shows, as it stands at `now`."""
    begun = {journalled.step: journalled for journalled in journal}
    lines = [_line(step, begun.get(step), now) for step in steps(Kind(row.kind), deposits=is_remote(row.project.location))]
    parts = [_part(storage, log) for log in _latest(logs)]
    failed = next((line.name for line in lines if line.state == FAILED), row.step)
    return PublicationPage(row, lines, parts, explain(row, failed, [(part.source, part.title, part.text) for part in parts]))


def _line(step: Step, row: StepRow | None, now: float) -> StepLine:
    if row is None:
        return StepLine(step, NAMES[step], "pending")
    taken = (now if row.finished_at is None else row.finished_at) - row.started_at
    return StepLine(step, NAMES[step], row.state, row.started_at, max(taken, 0.0), row.tries, row.detail)


def _latest(logs: Sequence[Log]) -> list[Log]:
    """Of each kind the log of the last attempt that had one, then those of a matrix's runs that are under way."""
    last = {log.source.partition("-")[0]: log for log in logs if log.last > 0}
    under_way = [log for name, log in last.items() if name.startswith(_ONE_RUN) and not log.ended]
    return [*(last[name] for name in _LOGS if name in last), *under_way[-_MOST_RUNS:]]


def _part(storage: Storage, log: Log) -> LogPart:
    name, _, attempt = log.source.partition("-")
    told = f"Log of run {name.removeprefix(_ONE_RUN)}" if name.startswith(_ONE_RUN) else _LOGS[name]
    title = told + (f" (attempt {attempt})" if attempt > "1" else "")
    return LogPart(title, log.source, log_text.tail(storage, log), log.size, log.ended)
