"""Running an analysis twice while a person follows."""

import time
from typing import TYPE_CHECKING

from tagstone.cli.output import ToldLog, tell
from tagstone.cli.safe_text import visible

if TYPE_CHECKING:
    from tagstone.actions.check import CheckReport
    from tagstone.bootstrap import Application
    from tagstone.domain.runs.repeatability import Repetition


def repeat(application: "Application", report: "CheckReport") -> "Repetition":
    """Build what was checked, run it twice, and compare; progress and logs go to stderr. Raises: TagstoneError."""
    from tagstone.actions.check_twice import Following, check_twice

    log = ToldLog()

    def say(line: str) -> None:
        log.end()
        tell(visible(line))

    following = Following(polls=application.durations.polls, pause=time.sleep, tell=say, log=log.feed)
    with application.clusters.at_work():
        return check_twice(application.ports, application.policy, report.project, report.commit, application.scratch, following)
