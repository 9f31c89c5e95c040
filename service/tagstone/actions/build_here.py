"""Building an environment while somebody waits for it, outside of any publication."""

from collections.abc import Callable, Iterator
from pathlib import Path

from tagstone.actions import build as building
from tagstone.domain.environments.build import BuildState, BuildStatus
from tagstone.errors import Permanent, Temporary
from tagstone.ports import Builder, Ports


def build_environment(
    ports: Ports,
    plan: building.Plan,
    key: str,
    scratch: Path,
    pauses: Iterator[float],
    pause: Callable[[float], None],
    follow: Callable[[bytes], None],
    *,
    remedy: str,
) -> building.Environment:
    """Build what is planned, from nothing; what the engine left is removed, however this ends.

    `pauses` are the waits between looks (seconds), `pause` waits, `follow` is handed the log as it comes, `remedy` is what a
    person can do when the build fails.

    Raises:
        Permanent: the build failed.
        Temporary: the build's process is gone.
    """
    if not plan.needs_engine:
        return building.write_bare_environment(ports, plan)
    builder = ports.builder
    builder.stop(key)
    try:
        builder.start(key, plan.recipe, lambda: building.context(ports, plan))
        status = _until_ended(builder, key, pauses, pause, follow)
        if status.state is BuildState.LOST:
            raise Temporary("The build's process is gone without an answer.", remedy="Try again.")
        if status.state is not BuildState.SUCCEEDED:
            raise Permanent(f"The environment could not be built: {status.detail}", remedy=status.remedy or remedy)
        return building.collect_environment(ports, key, plan, scratch)
    finally:
        builder.stop(key)


def _until_ended(
    builder: Builder, key: str, pauses: Iterator[float], pause: Callable[[float], None], follow: Callable[[bytes], None]
) -> BuildStatus:
    cursor = ""
    for seconds in pauses:
        status = builder.observe(key)
        while (chunk := builder.logs(key, cursor)).data:
            follow(chunk.data)
            cursor = chunk.cursor
        if status.state is not BuildState.RUNNING:
            return status
        pause(seconds)
    raise AssertionError("pauses never end")
