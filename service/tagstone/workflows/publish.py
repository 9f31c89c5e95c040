"""The order of a publication and its waiting. What each step does is in steps.py.

A step answers what comes next: `go` on, `wait` for somebody else, `retry` after trouble that may pass, or `stop`. What waits
for a person's approval stops too: the approval queues the next attempt, which finds every step before it done.
"""

from typing import TypedDict

from dbos import DBOS

from tagstone.adapters.workqueue import WORKFLOW
from tagstone.domain.publications.publication import Kind, Step, steps
from tagstone.workflows.steps import ANY_ATTEMPT, Steps
from tagstone.workflows.waiting import wait


class Answer(TypedDict):
    """What a step answered; `seconds` until the next try."""

    next: str
    seconds: float


def register(performer: Steps) -> None:
    """Make the workflow known to the durable engine, with the steps it is to perform."""

    @DBOS.step(name="perform")
    async def perform(publication: str, step: str, failures: int, attempt: int, waits: int) -> Answer:
        following, seconds = await performer.perform(publication, Step(step), failures, attempt, waits)
        return {"next": following, "seconds": seconds}

    @DBOS.workflow(name=WORKFLOW, max_recovery_attempts=None)
    async def publish(publication: str, kind: str, attempt: int = ANY_ATTEMPT) -> str:
        # Whether a rehearsal deposits, the step itself knows.
        for step in steps(Kind(kind), deposits=True):
            failures = waits = 0
            while (answer := await perform(publication, step.value, failures, attempt, waits))["next"] != "go":
                if answer["next"] == "stop":
                    return "stopped"
                failures += answer["next"] == "retry"
                waits += answer["next"] == "wait"
                await wait(answer["seconds"])
        return "done"
