"""An installation whose runs go to clusters, with a worker and a project of its own; all as processes that know nothing of tests."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fakes.small_project import CITATION, commit, git
from rigs.pods import free_port, until
from servers.kubernetes.cluster import Cluster
from tagstone.actions.submit import submit
from tagstone.bootstrap import Application
from tagstone.domain.publications import record
from tagstone.domain.publications.publication import Kind, State
from tagstone.domain.publications.record import Facts
from tagstone.settings import Settings
from tagstone.store import publications
from tagstone.store import steps as journal
from tagstone.store.tables import StepRow

_SECONDS = 240
_OWN = "TAGSTONE_"
# As where it is installed: there the client of Kubernetes does not find what checks objects here, and need not load it.
_AS_INSTALLED = """\
import runpy, sys
sys.modules["kubernetes_validate"] = None
runpy.run_module("tagstone", run_name="__main__", alter_sys=True)
"""
_TAGSTONE = (sys.executable, "-c", _AS_INSTALLED)


@dataclass
class ClusterSite:
    """A home in `folder`; `clusters` are what the settings say of each beside how it is reached, by names: all are the same one in truth.

    The image of a project is busybox alone, so that nothing is built.
    """

    folder: Path
    cluster: Cluster
    helper: str
    clusters: Mapping[str, Mapping[str, Any]]
    variables: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.port = free_port()
        self.repository = self.folder / "wobble"

    @property
    def environment(self) -> dict[str, str]:
        """The settings as commands find them, and nothing of those of whoever runs the tests."""
        address = f"http://{self.cluster.machine}:{self.port}/desk"
        common = {"kubeconfig": str(self.cluster.kubeconfig), "desk": address, "helper": self.helper, "grace": 1}
        sites = {name: {**common, **said} for name, said in self.clusters.items()}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
        return inherited | {
            "TAGSTONE_HOME": str(self.folder / "home"),
            "TAGSTONE_BUILDS__REGISTRY": self.cluster.registry,
            "TAGSTONE_BUILDS__REGISTRY_INSECURE": "true",
            "TAGSTONE_RUNS__ENGINE": "kubernetes",
            "TAGSTONE_CLUSTERS": json.dumps(sites),
            "TAGSTONE_DESK__HOST": self.cluster.machine,
            "TAGSTONE_DESK__PORT": str(self.port),
            **self.variables,
        }

    def make_repository(self, run: Mapping[str, Any], *outputs: str) -> None:
        """A project with the tag v1.0.0."""
        self.repository.mkdir(parents=True)
        (self.repository / "CITATION.cff").write_text(CITATION)
        git(self.repository, "init", "--quiet")
        self.tag("v1.0.0", run, *outputs)

    def tag(self, name: str, run: Mapping[str, Any], *outputs: str) -> None:
        """One more tag, with its run as the manifest has it."""
        manifest = {"environment": {"base": "busybox:test"}, "run": run, "outputs": list(outputs)}
        (self.repository / "tagstone.yml").write_text(json.dumps(manifest))
        commit(self.repository, name)

    def tagstone(self, *arguments: str, code: int = 0) -> str:
        """Call tagstone; what it printed. It must end with `code`."""
        command = [*_TAGSTONE, *arguments]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env=self.environment,
            timeout=_SECONDS,
            check=False,
        )
        assert done.returncode == code, f"{' '.join(arguments)}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def publish(self, tag: str = "v1.0.0") -> dict[str, Any]:
        """Publish a tag to its end; what is printed for programs."""
        found: dict[str, Any] = json.loads(self.tagstone("publish", str(self.repository), "--tag", tag, "--json"))
        return found

    def submit(self, tag: str = "v1.0.0") -> str:
        """Ask for a publication, and wait for nothing; its name."""
        with self.application() as application:
            location = str(self.repository)
            project, commit = application.forge.identify(location), application.forge.resolve(location, tag)
            with application.sessions.write() as session:
                return submit(session, application.queue, time.time(), project, commit, Kind.PUBLICATION).publication

    @contextmanager
    def working(self) -> Iterator["subprocess.Popen[bytes]"]:
        """A worker that ends with the context."""
        with (
            (self.folder / "worker.log").open("ab") as log,
            subprocess.Popen([*_TAGSTONE, "worker"], stdout=log, stderr=log, env=self.environment) as worker,
        ):
            try:
                until(lambda: "worker is ready" in (self.folder / "worker.log").read_text(), _SECONDS)
                yield worker
            finally:
                worker.terminate()
                worker.wait()

    @contextmanager
    def application(self) -> Iterator[Application]:
        """What the home holds, looked at from here."""
        found = Application(Settings(home=self.folder / "home"))
        try:
            yield found
        finally:
            found.engine.dispose()

    def facts(self, publication: str) -> Facts:
        """What is recorded of a publication."""
        with self.application() as application, application.sessions.read() as session:
            recorded = publications.get(session, publication).facts
        assert recorded is not None
        return record.load(recorded.encode())

    def state(self, publication: str) -> State:
        """How it stands."""
        with self.application() as application, application.sessions.read() as session:
            return State(publications.standing(session, publication).state)

    def waiting(self, publication: str) -> str:
        """What it waits for; empty where it waits for nothing."""
        with self.application() as application, application.sessions.read() as session:
            return publications.standing(session, publication).waiting or ""

    def steps(self, publication: str) -> dict[str, StepRow]:
        """Its journal, by the names of the steps."""
        with self.application() as application, application.sessions.read() as session:
            return {row.step: row for row in journal.of(session, publication)}
