"""Real builders for tests: buildah with either storage driver, Podman's service of our own, a Docker Engine of our own."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tagstone.adapters.buildah import Buildah
from tagstone.adapters.engine_builds import EngineBuilds
from tagstone.domain.environments.build import BuildState, BuildStatus, ContextFile, Recipe
from tagstone.errors import Temporary
from tagstone.ports import Builder, Registry

_T = TypeVar("_T")

BUILDERS = [
    pytest.param("buildah-vfs", marks=pytest.mark.engines),
    pytest.param("buildah", marks=pytest.mark.engines),
    pytest.param("podman", marks=pytest.mark.engines),
    pytest.param("docker", marks=[pytest.mark.engines, pytest.mark.docker]),
]


def make_builder(name: str, request: pytest.FixtureRequest, folder: Path, registry: Registry, **options: Any) -> Builder:
    """A builder by its name; `podman` and `docker_engine` are fixtures of the test's own folder."""
    if name.startswith("buildah"):
        return Buildah(folder, registry, driver="vfs" if name.endswith("vfs") else None, **options)
    engine = request.getfixturevalue("podman" if name == "podman" else "docker_engine")
    # The Docker Engine of the tests has no bridge.
    return EngineBuilds(folder, engine, registry, network="host" if name == "docker" else None, **options)


@dataclass
class Builds:
    """A builder, and the keys of what a test built with it."""

    builder: Builder
    keys: list[str] = field(default_factory=list)

    def start(self, key: str, recipe: Recipe, contents: Mapping[str, bytes] | None = None) -> None:
        """Start a build whose context has these contents."""
        self.keys.append(key)
        given = contents or {}

        def context() -> Iterator[tuple[ContextFile, bytes]]:
            return ((file, given[file.path]) for file in recipe.context)

        self.begin(key, recipe, context)

    def ended(self, key: str, seconds: float = 600.0) -> BuildStatus:
        """Wait until a build has ended."""
        return wait_for(
            lambda: status if (status := self.builder.observe(key)).state is not BuildState.RUNNING else None, seconds
        )

    def succeeded(self, key: str, recipe: Recipe, contents: Mapping[str, bytes] | None = None) -> None:
        """Build, and see that it ended well."""
        self.start(key, recipe, contents)
        status = self.ended(key)
        assert status.state is BuildState.SUCCEEDED, self.log(key)

    def begin(self, key: str, recipe: Recipe, context: Callable[[], Iterator[tuple[ContextFile, bytes]]]) -> None:
        """Ask the builder for it; one on a cluster takes a moment to remove an earlier try."""
        if self.builder.name != "kubernetes":
            self.builder.start(key, recipe, context)
            return

        def begun() -> bool:
            try:
                self.builder.start(key, recipe, context)
            except Temporary:
                return False
            return True

        wait_for(begun)

    def logged(self, key: str, words: str) -> None:
        """Wait until a build has said something."""
        wait_for(lambda: words in self.log(key), 120.0)

    def log(self, key: str) -> str:
        """The whole log."""
        return self.builder.logs(key, "").data.decode("utf-8", "replace")


@contextmanager
def builds_with(builder: Builder) -> Iterator[Builds]:
    """Builds of one builder; all are stopped in the end."""
    builds = Builds(builder)
    try:
        yield builds
    finally:
        for key in builds.keys:
            builder.stop(key)


def wait_for(condition: Callable[[], _T | None], seconds: float = 30.0) -> _T:
    """Wait until a condition answers something."""
    ending = time.monotonic() + seconds
    while time.monotonic() < ending:
        answer = condition()
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError("it did not come to pass")
