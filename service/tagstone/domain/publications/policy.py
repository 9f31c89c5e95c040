"""What a site allows: caps on hardware, inputs and outputs, and the depositories it has; and who publishes there."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tagstone.domain.deposits.deposit import Limits, Publisher
from tagstone.domain.environments.channels import Channels
from tagstone.domain.manifests.sections import DepositSection
from tagstone.domain.runs.caps import Caps
from tagstone.domain.runs.hardware import Resources, format_bytes, format_seconds


@dataclass(frozen=True)
class Policy:
    """A site's limits: cores, bytes, seconds; None where the site sets none.

    `communities` are the depositories that have communities, `reviewed` those where a person looks before every release
    unless the manifest says otherwise, `open_depositories` those where projects need not be bound to an account, `restricted`
    those that take records which not everybody may read, `shared` those where a record is shared with who set its tag. `limits` are by depository. `local_inputs` lets manifests name files of this machine: for a person's own only.
    `image_registry` is the host (and prefix) that keeps images for everybody, empty where nobody but bundles does.
    `channels` are where packages come from that Debian and PyPI have not. `registered_builds` and `registered_runs` are the engines of
    this service's own host that may build and run the code of projects registered at forges, None: none may.
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
