"""The service as deploy/kubernetes describes it, on a real cluster, and a GitLab on this machine that it publishes for."""

import base64
import json
import os
import secrets
import ssl
import subprocess
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import yaml

from fakes.gitlab.server import FakeGitlab, running_gitlab
from fakes.gitlab.state import Project
from fakes.small_project import git, make_repository
from servers.kubernetes.cluster import Cluster
from tagstone.adapters.vault import new_key

DEPLOY = Path(__file__).resolve().parents[2] / "deploy/kubernetes"
SPACE, RUNS = "tagstone", "tagstone-runs"
PROCESSES = ("postgres", "receivers", "pages", "worker")
_PAGES, _RECEIVERS = 30620, 30621
_SERVICE, _POSTGRES = "registry.example.org/tagstone/service", "registry.example.org/tagstone/postgres"
_PATIENCE = 600.0
_PAUSE = 2.0  # seconds: each look starts a program in a pod
_PSQL = """\
PGPASSWORD="$(cat /run/secrets/postgres/password)" \
exec psql --host=127.0.0.1 --username=tagstone --dbname=tagstone --tuples-only --no-align --command="$0"
"""
MANIFEST = """\
environment: {base: "busybox:test"}
run:
  command: [sh, -c, "mkdir -p results; sleep 3; echo $TAGSTONE_DOI > results/doi.txt"]
  resources: {cpu: 0.1, memory: 64Mi, disk: 64Mi, time: 10m}
outputs: [results/*]
"""


@dataclass
class Deployment:
    """A site in the cluster's namespaces `tagstone` and `tagstone-runs`; Ada owns the project stars/wobble of its GitLab."""

    cluster: Cluster
    folder: Path
    gitlab: FakeGitlab
    authority: Path
    helper: str
    postgres: str
    wobble: Project = field(init=False)

    def __post_init__(self) -> None:
        self.ada, self.robot = self.gitlab.person("ada"), self.gitlab.person("tagstone")
        self.wobble = self.gitlab.project("stars/wobble", owner=self.ada)
        self.gitlab.member(self.wobble, self.robot, 20)
        self.password, self.sealing, self.hooking = secrets.token_hex(16), new_key(), new_key()

    @property
    def home(self) -> Path:
        """TAGSTONE_HOME, as this machine sees it."""
        return self.cluster.folder / "volumes/home"

    @property
    def pages(self) -> str:
        """Where pages and API answer."""
        return f"http://{self.cluster.registry.partition(':')[0]}:{_PAGES}"

    @property
    def repository(self) -> Path:
        """Ada's work tree."""
        return self.folder / "wobble"

    def make_volumes(self) -> None:
        """What an administrator's storage would bring: two volumes, here folders of the node."""
        for name, claim, mode in (
            ("home", "tagstone-home", "ReadWriteMany"),
            ("data", "data-tagstone-postgres-0", "ReadWriteOnce"),
        ):
            place = self.cluster.folder / "volumes" / name
            place.mkdir(parents=True)
            place.chmod(0o777)
            self.cluster.apply(
                {
                    "apiVersion": "v1",
                    "kind": "PersistentVolume",
                    "metadata": {"name": name},
                    "spec": {
                        "capacity": {"storage": "100Gi"},
                        "accessModes": [mode],
                        "claimRef": {"namespace": SPACE, "name": claim},
                        "hostPath": {"path": str(place)},
                    },
                }
            )
        (self.home / "gitlab.crt").write_bytes(self.authority.read_bytes())

    def make_secrets(self) -> None:
        """The Secrets that deploy/kubernetes names, as docs/admin/kubernetes.md says."""
        url = f"postgresql+psycopg://tagstone:{self.password}@tagstone-postgres.tagstone.svc.cluster.local/tagstone"
        hooks = {"TAGSTONE_DATABASE__URL": url, "TAGSTONE_HOOK_KEYS": json.dumps([self.hooking])}
        held = {
            "tagstone-postgres": {"password": self.password},
            "tagstone-receivers": hooks,
            "tagstone": {
                **hooks,
                "TAGSTONE_SECRET_KEYS": json.dumps([self.sealing]),
                "TAGSTONE_FORGES__LAB__TOKEN": self.gitlab.personal_token(self.robot, ["api", "read_repository"]),
            },
        }
        about = {"apiVersion": "v1", "kind": "Secret"}
        self.cluster.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}},
            *({**about, "metadata": {"name": name, "namespace": SPACE}, "stringData": data} for name, data in held.items()),
        )

    def apply(self, service: str) -> None:
        """Apply an overlay of this site's with this image of the service, as `kubectl apply -k` does, and wait until all is there."""
        overlay = self.folder / "overlay"
        overlay.mkdir(exist_ok=True)
        (overlay / "ports.yaml").write_text(_PORTS, encoding="utf-8")
        document = {
            "bases": [os.path.relpath(DEPLOY / "overlays/postgres", overlay)],
            "patchesStrategicMerge": ["ports.yaml"],
            "images": [_image(_SERVICE, service), _image(_POSTGRES, self.postgres)],
            "configMapGenerator": [
                {
                    "name": "tagstone",
                    "namespace": SPACE,
                    "behavior": "merge",
                    "literals": [f"{name}={value}" for name, value in self._settings().items()],
                }
            ],
        }
        (overlay / "kustomization.yaml").write_text(json.dumps(document), encoding="utf-8")
        rendered = list(yaml.safe_load_all(self.cluster.kubectl("kustomize", str(overlay))))
        self.cluster.kubectl("delete", "job", "tagstone-migrate", "--namespace", SPACE, "--ignore-not-found")
        self.cluster.apply(*(_of_this_release(one) for one in rendered))

    def await_ready(self) -> None:
        """Wait until the tables are there and every process answers."""
        until(self._is_ready, self.trouble)

    def _is_ready(self) -> bool:
        processes = [one for kind in ("deployments", "statefulsets") for one in self.cluster.all(kind, SPACE)]
        jobs = self.cluster.all("jobs", SPACE)
        migrated = [bool(job["status"].get("succeeded")) for job in jobs] == [True]
        return migrated and len(processes) == len(PROCESSES) and all(_is_ready(one) for one in processes)

    def _settings(self) -> Mapping[str, str]:
        node = self.cluster.registry.partition(":")[0]
        waits = {"RETRY": "1", "RECOVERY": "1", "RECONCILE": "3", "POLL_LONGEST": "1"}
        return {
            "TAGSTONE_SERVING__URL": self.pages,
            "TAGSTONE_RECEIVING__URL": f"http://{node}:{_RECEIVERS}",
            "TAGSTONE_BUILDS__REGISTRY": self.cluster.registry,
            "TAGSTONE_BUILDS__REGISTRY_INSECURE": "true",
            "TAGSTONE_CLUSTERS__HERE__HELPER": self.helper,
            "TAGSTONE_FORGES__LAB__URL": self.gitlab.url,
            "TAGSTONE_FORGES__LAB__SITE_CA": "/var/lib/tagstone/gitlab.crt",
            **{f"TAGSTONE_WAITS__{name}": value for name, value in waits.items()},
        }

    def tagstone(self, *arguments: str) -> str:
        """What the command line answers in a worker."""
        return self.inside("worker", "tagstone", *arguments)

    def inside(self, process: str, *command: str) -> str:
        """What a command prints in a pod of a process."""
        place = ("--namespace", SPACE, f"deployment/tagstone-{process}", "--container", process)
        return self.cluster.kubectl("exec", *place, "--", *command)

    def register(self) -> None:
        """A sound project, registered with a maintainer's token; it lends one of its own."""
        make_repository(self.repository)
        git(self.repository, "tag", "--delete", "v1.0.0")
        (self.repository / "tagstone.yml").write_text(MANIFEST)
        tokens = {
            "maintainers": self.gitlab.personal_token(self.ada, ["api"]),
            "lent": self.gitlab.project_token(self.wobble, ["api"]),
        }
        for name, token in tokens.items():
            (self.home / name).write_text(token)
        files = [word for name in tokens for word in (f"--{_OPTIONS[name]}-file", f"/var/lib/tagstone/{name}")]
        self.tagstone("register", "stars/wobble", "--builder", "service", "--announce", "release", *files)

    def push(self, tag: str) -> None:
        """Push a new commit with a tag to GitLab, whose hook tells the service."""
        git(self.repository, "add", ".")
        git(self.repository, "commit", "--quiet", "--allow-empty", "--message", tag)
        git(self.repository, "tag", tag)
        token = self.gitlab.personal_token(self.ada, ["write_repository"])
        basic = base64.b64encode(f"ada:{token}".encode()).decode()
        # This machine's own variables may say whom Git trusts; they win.
        options = (f"http.extraHeader=Authorization: Basic {basic}", "http.sslVerify=false")
        given = [word for option in options for word in ("-c", option)]
        target = f"{self.gitlab.url}/stars/wobble.git"
        git(self.repository, *given, "push", "--quiet", target, "HEAD:refs/heads/main", f"refs/tags/{tag}")

    def rows(self) -> dict[str, dict[str, Any]]:
        """Every publication by its tag. Fails where a tag has two."""
        found = json.loads(self.tagstone("list", "--json"))["publications"]
        assert len({row["ref"] for row in found}) == len(found), found
        return {row["ref"]: row for row in found}

    def await_published(self, *tags: str) -> dict[str, dict[str, Any]]:
        """Wait until these are published, and return all there are."""
        until(lambda: set(tags) <= self._published(), self.trouble)
        return self.rows()

    def _published(self) -> set[str]:
        """The tags that are records. The database is asked: the command line takes a second of the processor each time."""
        query = "SELECT ref FROM publications WHERE state = 'published'"
        place = ("--namespace", SPACE, "statefulset/tagstone-postgres", "--container", "postgres")
        return set(self.cluster.kubectl("exec", *place, "--", "sh", "-c", _PSQL, query).split())

    def pods(self, process: str) -> list[str]:
        """The names of a process's pods."""
        found = self.cluster.all("pods", SPACE, f"app.kubernetes.io/component={process}")
        return [pod["metadata"]["name"] for pod in found]

    def kill(self, pod: str) -> None:
        """Take a pod away without letting it finish anything.

        The database's is gone before another begins: by force the cluster would let two servers write to one folder.
        """
        how = ("--grace-period=1",) if "postgres" in pod else ("--grace-period=0", "--force")
        self.cluster.kubectl("delete", "pod", pod, "--namespace", SPACE, *how, "--wait=false")

    def trouble(self) -> str:
        """What the cluster and the processes say."""
        said = [self.cluster.kubectl("get", "pods,jobs,pvc", "--all-namespaces"), json.dumps(self.gitlab.asked[-5:])]
        said += [self.tagstone(*words) for words in (("list",), ("list", "--json"), ("deliveries", "list"))]
        for process in PROCESSES:
            for pod in self.pods(process):
                said.append(f"--- {pod}")
                said.append(self.cluster.kubectl("logs", "--namespace", SPACE, pod, "--tail=25"))
        return "\n".join(said)


_OPTIONS = {"maintainers": "token", "lent": "lend"}
# A cluster of the tests has no proxy of its own before services.
_PORTS = "---".join(
    textwrap.dedent(f"""
    apiVersion: v1
    kind: Service
    metadata: {{name: tagstone-{name}, namespace: {SPACE}}}
    spec:
      type: NodePort
      ports: [{{name: http, port: 80, targetPort: http, nodePort: {port}}}]
    """)
    for name, port in (("pages", _PAGES), ("receivers", _RECEIVERS))
)


def _image(name: str, reference: str) -> dict[str, str]:
    where, _, digest = reference.partition("@")
    return {"name": name, "newName": where, "digest": digest}


def _of_this_release(document: dict[str, Any]) -> dict[str, Any]:
    """The object as Kubernetes 1.20 wants it, which has PodDisruptionBudgets in beta only."""
    older = {"policy/v1": "policy/v1beta1"}
    return document | {"apiVersion": older.get(document["apiVersion"], document["apiVersion"])}


def _is_ready(found: Mapping[str, Any]) -> bool:
    """Whether its processes are all there, all of what was applied last, and ready."""
    spec, status = found["spec"], found.get("status", {})
    seen = status.get("observedGeneration") == found["metadata"]["generation"]
    counts = {status.get(name, 0) for name in ("replicas", "updatedReplicas", "readyReplicas")}
    return seen and counts == {spec["replicas"]}


def until(holds: Callable[[], object], trouble: Callable[[], str], seconds: float = _PATIENCE) -> None:
    """Wait until something holds; what cannot be asked for a moment does not yet. Raises: AssertionError with what the trouble is."""
    ends = time.monotonic() + seconds
    while True:
        try:
            if holds():
                return
        except (AssertionError, requests.RequestException):
            if time.monotonic() > ends:
                raise
        assert time.monotonic() < ends, trouble()
        time.sleep(_PAUSE)


@contextmanager
def gitlab_beside(cluster: Cluster, folder: Path) -> Iterator[tuple[FakeGitlab, Path]]:
    """A GitLab with TLS where pods reach this machine, and the certificate that it is trusted by."""
    line = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=gitlab"
    names = ["-addext", f"subjectAltName=IP:{cluster.machine}", "-keyout", str(folder / "key"), "-out", str(folder / "crt")]
    subprocess.run([*line.split(), *names], check=True, capture_output=True)
    encrypted = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    encrypted.load_cert_chain(folder / "crt", folder / "key")
    with running_gitlab(folder / "gitlab", encrypted, cluster.machine) as gitlab:
        yield gitlab, folder / "crt"


@contextmanager
def jobs_that_come(cluster: Cluster, folder: Path) -> Iterator[Callable[[], dict[str, set[str]]]]:
    """Watches the Jobs of runs; gives, by a run's key, the Jobs that there have been of it."""
    seen = folder / "jobs"
    columns = r"custom-columns=KEY:.metadata.labels.org\.tagstone\.run,UID:.metadata.uid"
    words = ["get", "jobs", "--namespace", RUNS, "--watch", "--no-headers", "--output", columns]
    with (
        seen.open("w") as sink,
        subprocess.Popen([cluster.kubectl_program, "--kubeconfig", cluster.kubeconfig, *words], stdout=sink) as watching,
    ):

        def found() -> dict[str, set[str]]:
            jobs: dict[str, set[str]] = {}
            for line in seen.read_text().splitlines():
                key, _, uid = line.partition(" ")
                jobs.setdefault(key, set()).add(uid.strip())
            return jobs

        try:
            yield found
        finally:
            watching.terminate()
