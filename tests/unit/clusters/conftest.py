"""A run on a cluster as it is seen."""

from dataclasses import replace

import pytest

from tagstone.domain.runs.hardware import Resources
from tagstone.domain.runs.sight import ContainerSeen, JobSeen, PodSeen, Sight

GIB = 2**30


@pytest.fixture
def pod() -> PodSeen:
    """A pod whose three containers are at work as they should be."""
    containers = (
        ContainerSeen("stage", "terminated", "Completed", exit_code=0, started_at=10, finished_at=20),
        ContainerSeen("run", "running", started_at=20),
        ContainerSeen("keeper", "running", started_at=20),
    )
    return PodSeen("p-1", "tagstone-abc-xyz", "Running", node="node-1", containers=containers)


@pytest.fixture
def sight(pod: PodSeen) -> Sight:
    """A run that goes on, a hundred seconds after it was asked for."""
    asked = Resources(cpu=2, memory=4 * GIB, disk=10 * GIB, time=3600)
    return Sight(asked, now=100, asked_at=0, patience=3600, job=JobSeen("j-1"), pod=pod, had_pod=True)


@pytest.fixture
def ended(sight: Sight):
    """The same when the author's container is over, and so is the keeper."""

    def end(exit_code: int, reason: str = "Error", message: str = "", *, keeper: str = "terminated") -> Sight:
        assert sight.pod is not None
        stage, run, kept = sight.pod.containers
        run = replace(run, state="terminated", reason=reason, message=message, exit_code=exit_code, finished_at=90)
        kept = replace(kept, state=keeper, exit_code=0 if keeper == "terminated" else None)
        return replace(sight, pod=replace(sight.pod, phase="Failed", containers=(stage, run, kept)))

    return end
