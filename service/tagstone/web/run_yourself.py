"""How anybody runs a record's image: a command line per engine, a Job for Kubernetes, and the bundle alone."""

import shlex
from dataclasses import dataclass
from typing import Any

import yaml

from tagstone.domain.publications.record import Facts
from tagstone.web.place import Place


@dataclass(frozen=True)
class Way:
    """One way to run it: `lines` to copy; `file` is the name of an answer that has the same lines, if one has."""

    id: str
    name: str
    lines: str
    note: str = ""
    file: str = ""


def ways(facts: Facts, place: Place, *, bundled: bool) -> list[Way]:
    """Every way that this record can be run; those of engines only where some registry offers the image."""
    found = []
    address = image_address(facts, place)
    if address:
        found += [_podman(facts, place, address), _docker(facts, address), _apptainer(facts, place, address)]
        note = "Outputs stay in the pod: mount a volume at the working directory to keep them."
        found.append(Way("kubernetes", "Kubernetes", job(facts, address), note, "job.yaml"))
    if bundled:
        lines = f"tar -xf {facts.publication}.tar\nsh {facts.publication}/reproduce.sh"
        note = "Needs nothing but a shell and one of podman, docker, buildah or umoci"
        note += "; runs in a fresh workspace and compares every output." if facts.run else "."
        found.append(Way("bundle", "Bundle", lines, note, "bundle.tar"))
    if facts.run and (bundled or address):
        found.append(Way("tagstone", "Tagstone", f"tagstone reproduce {facts.doi or facts.publication}"))
    return found


def image_address(facts: Facts, place: Place) -> str | None:
    """What engines pull: a host, a name and a digest; None where no registry offers the image."""
    host = (facts.image.registry or place.image_host) if facts.image else None
    return f"{host}/{facts.image.image.reference}" if host and facts.image else None


def job(facts: Facts, address: str) -> str:
    """A Kubernetes Job (batch/v1) that asks for the hardware that the record asked for."""
    assert facts.image is not None
    ports = [{"containerPort": int(port)} for port in _ports(facts)]
    container: dict[str, Any] = {"name": "run", "image": address}
    if facts.run:
        spec, asked = facts.run.spec, facts.run.spec.resources
        amounts = {"cpu": f"{asked.cpu:g}", "memory": str(asked.memory), "ephemeral-storage": str(asked.disk)}
        # Of GPUs the cluster knows only whole ones, by their vendor's name.
        amounts |= {"nvidia.com/gpu": str(asked.gpu)} if asked.gpu else {}
        container |= {"args": list(spec.command), "workingDir": spec.workdir}
        container |= {"env": [{"name": name, "value": value.replace("$(", "$$(")} for name, value in spec.env]}
        container |= {"resources": {"requests": amounts, "limits": amounts}}
    container |= {"ports": ports} if ports else {}
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "containers": [container],
    }
    pod |= {"activeDeadlineSeconds": facts.run.spec.resources.time} if facts.run else {}
    name = f"tagstone-{facts.publication}"
    document = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "tagstone"}},
        "spec": {"backoffLimit": 0, "template": {"spec": pod}},
    }
    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110))


def _podman(facts: Facts, place: Place, address: str) -> Way:
    return Way(
        "podman",
        "Podman",
        shlex.join(["podman", "run", "--rm", *_plain(facts, place, "--tls-verify=false"), *_rest(facts, address)]),
    )


def _docker(facts: Facts, address: str) -> Way:
    return Way("docker", "Docker", shlex.join(["docker", "run", "--rm", *_rest(facts, address)]))


def _apptainer(facts: Facts, place: Place, address: str) -> Way:
    plain = _plain(facts, place, "--no-https")
    image = f"docker://{address}"
    if facts.run is None:
        return Way("apptainer", "Apptainer", shlex.join(["apptainer", "run", "--containall", *plain, image]))
    spec = facts.run.spec
    options = ["--containall", "--writable-tmpfs", "--pwd", spec.place, *plain]
    note = "Files are written to memory: add --bind DIRECTORY:PATH to keep them."
    return Way("apptainer", "Apptainer", shlex.join(["apptainer", "exec", *options, image, *spec.command]), note)


def _plain(facts: Facts, place: Place, option: str) -> list[str]:
    """The option that lets an engine pull without TLS, where this server offers the image so."""
    ours = facts.image is not None and not facts.image.registry
    return [option] if ours and not place.encrypted else []


def _rest(facts: Facts, address: str) -> list[str]:
    ports = _ports(facts)
    published = [part for port in ports for part in ("-p", f"127.0.0.1:{port}:{port}")]
    if facts.run:
        network = published or ([] if facts.run.spec.network else ["--network", "none"])
        return [*network, address, *facts.run.spec.command]
    assert facts.image is not None
    settings = facts.image.image.settings
    inside = [] if settings.command or settings.entrypoint else ["sh"]
    return [*([] if ports else ["-it"]), *published, address, *inside]


def _ports(facts: Facts) -> list[str]:
    """TCP ports that the image exposes, as numbers."""
    exposed = facts.image.image.settings.exposed_ports if facts.image else ()
    numbers = [port.partition("/")[0] for port in exposed if port.partition("/")[2] in ("", "tcp")]
    return [number for number in numbers if number.isdecimal() and 0 < int(number) < 65536]
