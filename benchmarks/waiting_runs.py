"""Many publications that wait on a cluster, all in one worker: what that process takes of memory and processor."""

import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from benchmarks.measure import peak_memory
from rigs.cluster_site import ClusterSite
from rigs.pods import until
from tagstone.bootstrap import Application
from tagstone.domain.publications.publication import Kind, Step
from tagstone.store.tables import Publication, StepRow

_PATIENCE = 900.0  # seconds for all to be handed to the cluster, and for its controllers to make their pods
_SETTLING, _MEASURED = 20.0, 60.0  # seconds
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """What a worker took: bytes at most, and cores in use on average while all of them waited."""

    memory: int
    cores: float


def waiting(site: ClusterSite, number: int) -> Cost:
    """Let so many publications wait for a node that never comes, and look at the worker.

    The first is published as any other; all others are copies of it as it waits, so that each is handed to the cluster by the worker.
    """
    site.make_repository({"command": ["true"], "resources": {"memory": "64Ti"}}, "results/*")
    # Asked for before the worker begins: what a worker needs to make a new site's tables is no part of waiting.
    first = site.submit()
    with site.application() as application, site.working() as worker:
        _await(application, 1)
        with application.sessions.write() as session:
            for _ in range(number - 1):
                _copy(session, application, first)
        _await(application, number)
        time.sleep(_SETTLING)
        before, began = _cpu_seconds(worker.pid), time.monotonic()
        time.sleep(_MEASURED)
        cores = (_cpu_seconds(worker.pid) - before) / (time.monotonic() - began)
        return Cost(peak_memory(worker.pid), cores)


def _copy(session: Session, application: Application, first: str) -> None:
    """One more publication at the same point: every step before its run is done."""
    name = f"p{secrets.token_hex(8)}"
    row = session.execute(select(Publication.__table__).where(Publication.id == first)).mappings().one()
    session.execute(insert(Publication), {**row, "id": name, "waiting": None, "holds_series": False})
    for step in session.execute(select(StepRow.__table__).where(StepRow.publication_id == first)).mappings().all():
        if step["step"] != Step.RUN:
            session.execute(insert(StepRow), {**step, "id": None, "publication_id": name})
    application.queue.enqueue(session, name, Kind.PUBLICATION, row["attempt"])


def _await(application: Application, number: int) -> None:
    """Wait until so many say that they wait for a node."""

    def all_wait() -> bool:
        time.sleep(1.0)
        query = select(func.count()).select_from(Publication).where(Publication.waiting.like("It waits for a node%"))
        with application.sessions.read() as session:
            return session.scalar(query) == number

    until(all_wait, _PATIENCE)


def _cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
