"""What a site allows: caps on hardware, inputs and outputs, and the depositories it has; and who publishes there."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tagstone.domain.deposits.deposit import Limits, Publisher
from tagstone.domain.environments.channels import Channels
from tagstone.domain.manifests.sections import DepositSection, RunSection
from tagstone.domain.runs.caps import Caps
from tagstone.domain.runs.hardware import Resources, format_bytes, format_seconds
from tagstone.domain.runs.matrix import size, together
from tagstone.domain.runs.placement import Profile, place
from tagstone.errors import Invalid


@dataclass(frozen=True)
class Policy:
    """A site's limits: cores, bytes, seconds; None where the site sets none.

    `communities` are the depositories that have communities, `reviewed` those where a person looks before every release
    unless the manifest says otherwise, `open_depositories` those where projects need not be bound to an account, `restricted`
    those that take records which not everybody may read, `shared` those where a record is shared with who set its tag. `limits` are by depository. `local_inputs` lets manifests name files of this machine: for a person's own only.
    `image_registry` is the host (and prefix) that keeps images for everybody, empty where nobody but bundles does.
    `channels` are where packages come from that Debian and PyPI have not. `registered_builds` and `registered_runs` are the engines of
    this service's own host that may build and run the code of projects registered at forges, None: none may.
    `clusters` are the kinds of machines, by their names, of each cluster that runs go to, in the order in which they are asked.
    `combinations` are the runs that one matrix may have, `parallel` those of them that run at once.
    """

    depositories: tuple[str, ...] = ("local",)
    open_depositories: tuple[str, ...] = ("local",)
    communities: tuple[str, ...] = ()
    reviewed: tuple[str, ...] = ()
    restricted: tuple[str, ...] = ("local",)
    shared: tuple[str, ...] = ()
    limits: Mapping[str, Limits] = field(default_factory=dict)
    cpu: float | None = None
    memory: int | None = None
    disk: int | None = None
    time: int | None = None
    gpu: int | None = None
    registered_builds: str | None = None
    registered_runs: str | None = None
    clusters: tuple[Mapping[str, Profile], ...] = ()
    combinations: int = 100
    parallel: int = 8
    output_files: int = 10_000
    output_bytes: int = 50 * 10**9
    input_bytes: int = 50 * 10**9
    copied_input_bytes: int = 5 * 10**9
    local_inputs: bool = True
    code_files: int = 100_000
    code_bytes: int = 10 * 10**9
    code_file_bytes: int = 500 * 10**6
    image_registry: str = ""
    channels: Channels = field(default_factory=Channels)
    publisher: Publisher = field(default_factory=Publisher)

    def review(self, deposit: DepositSection) -> bool:
        """Say whether a person has to approve before the release."""
        return deposit.to in self.reviewed if deposit.review is None else deposit.review

    def capped(self, caps: Caps) -> "Policy":
        """The same with a project's own caps on hardware where they are lower."""
        pairs = ((name, getattr(self, name), cap) for name, cap in vars(caps).items())
        return replace(self, **{name: cap if ours is None else min(ours, cap) for name, ours, cap in pairs if cap is not None})

    def excesses(self, asked: Resources) -> list[str]:
        """What of the hardware asked for is over the site's limits, in words for people."""
        pairs = (
            ("cpu", asked.cpu, self.cpu, lambda value: f"{value:g} cores"),
            ("memory", asked.memory, self.memory, lambda value: format_bytes(int(value))),
            ("disk", asked.disk, self.disk, lambda value: format_bytes(int(value))),
            ("time", asked.time, self.time, format_seconds),
            ("gpu", asked.gpu, self.gpu, lambda value: f"{value:g} GPUs"),
        )
        return [
            f"{name}: {show(wanted)} asked for, at most {show(cap)} allowed"
            for name, wanted, cap, show in pairs
            if cap is not None and wanted > cap
        ]

    def run_excesses(self, run: RunSection) -> list[str]:
        """What of a run, or of all runs of a matrix together, is over the site's limits; each begins with a key below `run`."""
        runs, parallel = size(run.matrix), run.parallel or 1
        if not runs:
            return [f"resources.{excess}" for excess in self.excesses(run.resources)]
        found = []
        if runs > self.combinations:
            found.append(f"matrix: {runs} combinations asked for, at most {self.combinations} allowed")
        if min(runs, parallel) > self.parallel:
            found.append(f"parallel: {parallel} runs at once asked for, at most {self.parallel} allowed")
        asked = self.excesses(together(run.resources, runs, parallel))
        return [*found, *(f"resources.{excess} for {runs} runs, {min(runs, parallel)} at once" for excess in asked)]

    def misplaced(self, asked: Resources) -> Invalid | None:
        """What no cluster of the site has of the machines asked for by name, as the first one says it; None where one has all."""
        if not self.clusters:
            return _no_cluster(asked) if asked.profile else None
        refusals = []
        for profiles in self.clusters:
            try:
                place(asked, profiles)
            except Invalid as error:
                refusals.append(error)
            else:
                return None
        return refusals[0]


def _no_cluster(asked: Resources) -> Invalid:
    return Invalid(
        f"Nothing here knows the profile {asked.profile!r}: runs go to no cluster.",
        remedy="Leave `profile` out to run on this machine, or publish where a cluster has it.",
    )
