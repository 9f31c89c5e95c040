"""Building a tag's image in a CI job, into the registry of the project, where the service finds it by its digest."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from tagstone.actions import build as building
from tagstone.actions.build_here import build_environment
from tagstone.actions.check import CheckReport
from tagstone.domain.code.version import version_of
from tagstone.domain.images.oci import Image
from tagstone.domain.manifests.manifest import Manifest
from tagstone.domain.publications.policy import Policy
from tagstone.domain.publications.record import SourceFacts
from tagstone.domain.reading.faults import raise_faults
from tagstone.errors import Invalid
from tagstone.ports import Ports


def policy_elsewhere(policy: Policy, manifest: Manifest | None) -> Policy:
    """The policy of a job: the service's depositories are not known here, so that whatever the manifest names may be one."""
    if manifest is None:
        return policy
    to = (manifest.deposit.to,)
    return replace(
        policy,
        depositories=policy.depositories + to,
        communities=policy.communities + to,
        restricted=policy.restricted + to,
        local_inputs=False,
    )


def source_of(report: CheckReport, manifest: str) -> SourceFacts:
    """What is built of a commit that was checked. Raises: Invalid, with every fault that stops a publication."""
    raise_faults(report.faults, "This commit cannot be built")
    if report.citation is None:
        raise Invalid("This commit has no citation.", remedy="`tagstone check` says what is missing.")
    commit = report.commit
    return SourceFacts(
        project=report.project,
        commit=commit,
        tag=commit.ref,
        version=version_of(commit.ref),
        title=report.citation.title,
        manifest=manifest,
        citation=report.citation_text,
        archive_key="",
        archive_size=0,
        archive_sha256="",
    )


def build_in_job(
    ports: Ports,
    policy: Policy,
    source: SourceFacts,
    scratch: Path,
    pauses: Iterator[float],
    pause: Callable[[float], None],
    follow: Callable[[bytes], None],
) -> Image:
    """Build the image of a commit, or find its environment again, and keep it in the registry.

    Raises:
        Invalid, NotFound: it cannot be built as written.
        Permanent: the build failed.
        Temporary: the registry is away, or the build's process is gone.
    """
    plan = building.plan(ports, source, policy.channels)
    environment = building.find_environment(ports.registry, plan)
    if environment is None:
        key = f"ci-{source.commit.sha[:20]}"
        remedy = "What the build says stands above; `tagstone rehearse` tries a fix on your own machine."
        environment = build_environment(ports, plan, key, scratch, pauses, pause, follow, remedy=remedy)
    image = building.write_image(ports, environment, plan, source, scratch)
    # Registries remove what no tag names; this one names nothing but the digest itself.
    building.name_image(ports.registry, image, f"built-{image.digest.removeprefix('sha256:')[:20]}")
    return image
