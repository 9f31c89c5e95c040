"""Hardware side by side: what was asked for, what was granted, what was used."""

from dataclasses import dataclass

from tagstone.domain.publications.record import RunFacts
from tagstone.domain.runs.hardware import Granted, format_bytes, format_seconds
from tagstone.domain.runs.run import RunStatus


@dataclass(frozen=True)
class Row:
    """One line of the table; an empty text is something that nobody asked, granted or measured."""

    name: str
    asked: str
    granted: str = ""
    used: str = ""


def rows(run: RunFacts) -> list[Row]:
    """The table of one run."""
    asked, status = run.spec.resources, run.status
    granted = status.granted
    ended = status.finished_at is not None and status.started_at is not None
    taken = format_seconds((status.finished_at or 0) - (status.started_at or 0)) if ended else ""
    gpus = f"{asked.gpu} × {asked.gpu_type}" if asked.gpu and asked.gpu_type else str(asked.gpu)
    lines = [
        Row("Processors", f"{asked.cpu:g}", _processors(granted), _cores(status)),
        Row("Memory", format_bytes(asked.memory), _memory(granted), _peak(run)),
        Row("GPU", gpus, ", ".join(granted.gpus) or "none" if granted else ""),
        Row("Time", format_seconds(asked.time), "", taken),
        Row("Disk", format_bytes(asked.disk)),
        Row("Network", "yes" if run.spec.network else "none", network(run)),
    ]
    if asked.profile is not None:
        lines.append(Row("Profile", asked.profile))
    if granted is not None:
        lines.append(Row("Machine", "", f"{granted.architecture}, kernel {granted.kernel}"))
        lines += [Row(name, "", said) for name, said in _cluster(status, granted) if said]
    return lines


def _cluster(status: RunStatus, granted: Granted) -> tuple[tuple[str, str | None], ...]:
    """What there is to say of a run on a cluster."""
    return (
        ("GPU driver", granted.gpu_driver),
        ("Cluster", status.cluster),
        ("Node", granted.node),
        ("Image as run", granted.image_id),
        ("Class of service", granted.qos),
    )


def network(run: RunFacts) -> str:
    """What of a network the run had; on a cluster, whether it was kept from the rest is what was tried there."""
    if run.spec.network:
        return "yes"
    if not run.status.cluster or run.status.network_held:
        return "none"
    return (
        "the cluster keeps nobody from it"
        if run.status.network_held is False
        else "not known whether the cluster keeps it away"
    )


def _processors(granted: Granted | None) -> str:
    if granted is None:
        return ""
    limit = f"{granted.cpu_limit:g} of {granted.cpus_visible}" if granted.cpu_limit else str(granted.cpus_visible)
    return f"{limit}, {granted.cpu_model}" if granted.cpu_model else limit


def _cores(status: RunStatus) -> str:
    """Cores in use on average, and in the sample that had most."""
    passed = (status.finished_at or 0) - (status.started_at or 0)
    texts = []
    if status.cpu_seconds and passed >= 1:  # starting costs time of its own
        texts.append(f"{status.cpu_seconds / passed:.2g} on average")
    if status.usage:
        texts.append(f"{max(sample.cpu for sample in status.usage):.2g} at most")
    return ", ".join(texts)


def _memory(granted: Granted | None) -> str:
    sizes = ((granted.memory_limit, ""), (granted.memory_total, " in the machine")) if granted else ()
    return ", ".join(f"{format_bytes(size)}{what}" for size, what in sizes if size)


def _peak(run: RunFacts) -> str:
    return f"{format_bytes(run.status.peak_memory)} at most" if run.status.peak_memory else ""
