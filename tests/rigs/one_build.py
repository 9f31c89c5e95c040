"""A program: builds and runs one repository in an installation of its own, and prints what came out as JSON.

Usage: one_build.py REPOSITORY HOME DAYS

Nothing is taken from a cache. DAYS is how far ahead the clock of the build is: programs in it are told so by libfaketime,
which is mounted where the image writer leaves everything out.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import repeat
from pathlib import Path

from servers.bases import debian_base
from tagstone.actions import build
from tagstone.actions.rebuild import bring_base, build_anew
from tagstone.actions.resolve import resolve
from tagstone.actions.run import manifest_of, output_rules, run_spec, run_to_its_end
from tagstone.adapters.buildah import Buildah
from tagstone.bootstrap import Application
from tagstone.domain.environments.build import BaseImage, ContextFile, Recipe
from tagstone.domain.environments.containerfile import EPOCH
from tagstone.domain.images.oci import ImageReference
from tagstone.domain.publications.publication import Kind
from tagstone.domain.publications.record import Facts, ImageFacts
from tagstone.ports import Ports
from tagstone.settings import Builds, Settings

FAKETIME = Path("/usr/lib") / "x86_64-linux-gnu" / "faketime" / "libfaketime.so.1"
SITE_CA = Path("/etc/ssl/certs/ca-certificates.crt")
_PLACE = "/.tagstone/clock"
_LATER = """\
ARG LD_PRELOAD={place}/libfaketime.so.1
ARG FAKETIME=+{days}d
ARG APT_CONFIG={place}/apt.conf"""


class LaterBuildah(Buildah):
    """buildah whose programs see a clock that is `days` ahead."""

    days = 0
    clock = Path()

    def start(self, key: str, recipe: Recipe, context: Callable[[], Iterator[tuple[ContextFile, bytes]]]) -> None:
        time_of_the_build = f"ARG SOURCE_DATE_EPOCH={EPOCH}"
        later = f"{time_of_the_build}\n{_LATER.format(place=_PLACE, days=self.days)}"
        super().start(key, replace(recipe, containerfile=recipe.containerfile.replace(time_of_the_build, later)), context)

    def _bud(self, folder: Path) -> list[str]:
        *arguments, context = super()._bud(folder)
        return [*arguments, "--volume", f"{self.clock}:{_PLACE}:ro", context]


def main(repository: str, home: str, days: str) -> None:
    """Resolve, build, run, collect; print."""
    began = time.monotonic()
    application = Application(Settings(home=Path(home), builds=Builds(site_ca=SITE_CA if SITE_CA.exists() else None)))
    bring_base_in(application)
    with built_by(application, int(days)) as ports:
        project, commit = ports.forge.identify(repository), ports.forge.resolve(repository, "refs/tags/v1.0.0")
        source, _ = resolve(ports, application.policy, project, commit, Kind.REHEARSAL, application.scratch)
        image, environment = build_anew(
            ports,
            source,
            build.plan(ports, source, application.policy.channels),
            "once",
            application.scratch,
            repeat(0.2),
            time.sleep,
            say,
        )
        built = time.monotonic()
        made = ImageFacts(image, "", (), environment.packages, ports.builder.name, built=True)
        facts = Facts("once", source, "", image=made)
        outputs = run(application, ports, facts) if manifest_of(facts).run else {}
    ended = time.monotonic()
    answer = {"digest": image.digest, "engine": ports.builder.name, "runner": ports.runner.name, "outputs": outputs}
    print(json.dumps(answer | {"build": built - began, "run": ended - built, "packages": len(environment.packages)}))


def bring_base_in(application: Application) -> None:
    """The base that all tests share, in the installation's own registry."""
    cache, image = debian_base()
    ports = replace(application.ports, registry=cache)
    bring_base(ports, application.registry, BaseImage("debian:bookworm", ImageReference(image.name, image.digest)))


@contextmanager
def built_by(application: Application, days: int) -> Iterator[Ports]:
    """The installation's ports; with a clock that is ahead where that is wanted."""
    if not days:
        yield application.ports
        return
    clock = application.scratch / "clock"
    clock.mkdir()
    (clock / "libfaketime.so.1").write_bytes(FAKETIME.read_bytes())
    (clock / "apt.conf").write_text('Acquire::Check-Valid-Until "false";\n')
    builder = LaterBuildah(application.home / "builds", application.registry, site_ca=application.settings.builds.site_ca)
    builder.days, builder.clock = days, clock
    yield replace(application.ports, builder=builder)


def run(application: Application, ports: Ports, facts: Facts) -> dict[str, str]:
    """Run the command; the outputs' checksums by path."""
    try:
        run_to_its_end(ports.runner, "once", run_spec(facts), "once", repeat(0.2), time.sleep, say)
        return {file.path: file.sha256 for file in ports.runner.collect("once", output_rules(facts, application.policy))}
    finally:
        ports.runner.remove("once")
        application.containers.close()


def say(data: bytes) -> None:
    """The log, for whoever looks at a failed test."""
    sys.stderr.buffer.write(data)
    sys.stderr.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
