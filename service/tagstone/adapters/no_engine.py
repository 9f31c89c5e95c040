"""A host without an engine: nothing is built or run on it, and images that pipelines hand in need neither."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from tagstone.domain.environments.build import BuildStatus, ContextFile, Recipe
from tagstone.domain.runs.run import LogChunk, OutputFile, OutputRules, RunSpec, RunStatus
from tagstone.errors import NotFound, TagstoneError
from tagstone.ports import BuiltRoot

NAME = "none"


class NoBuilder:
    """Builds nothing, and says why."""

    name = NAME

    def __init__(self, why: TagstoneError) -> None:
        self._why = why

    def start(self, key: str, recipe: Recipe, context: Callable[[], Iterator[tuple[ContextFile, bytes]]]) -> None:
        """Refuse. Raises: what kept the engine from being found."""
        del key, recipe, context
        raise self._why

    def observe(self, key: str) -> BuildStatus:
        """Nothing was started. Raises: NotFound."""
        raise _never(key)

    def logs(self, key: str, cursor: str) -> LogChunk:
        """Nothing was said."""
        del key
        return LogChunk(b"", cursor)

    def collect(self, key: str) -> AbstractContextManager[BuiltRoot]:
        """Nothing was built. Raises: NotFound."""
        raise _never(key)

    def stop(self, key: str) -> None:
        """There is nothing to end."""


class NoRunner:
    """Runs nothing, and says why."""

    name = NAME

    def __init__(self, why: TagstoneError) -> None:
        self._why = why

    def start(self, key: str, spec: RunSpec) -> None:
        """Refuse. Raises: what kept the engine from being found."""
        del key, spec
        raise self._why

    def observe(self, key: str) -> RunStatus:
        """Nothing was started. Raises: NotFound."""
        raise _never(key)

    def logs(self, key: str, cursor: str) -> LogChunk:
        """Nothing was said."""
        del key
        return LogChunk(b"", cursor)

    def collect(self, key: str, rules: OutputRules) -> list[OutputFile]:
        """Nothing was run. Raises: NotFound."""
        del rules
        raise _never(key)

    def stop(self, key: str) -> None:
        """There is nothing to end."""

    def remove(self, key: str) -> None:
        """There is nothing to remove."""


def _never(key: str) -> NotFound:
    return NotFound(f"{key} was never started: this host has no engine.", remedy="`tagstone doctor` says what there is.")
