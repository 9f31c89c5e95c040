"""What a site allows: caps on hardware and outputs, and the depositories it has (`reviewing`: those with communities and a review before release)."""

from dataclasses import dataclass

from tagstone.domain.hardware import Resources, format_bytes, format_seconds


@dataclass(frozen=True)
class Policy:
    """A site's limits: cores, bytes, seconds; None where the site sets none."""

    depositories: tuple[str, ...] = ("local",)
    reviewing: tuple[str, ...] = ()
    cpu: float | None = None
    memory: int | None = None
    disk: int | None = None
    time: int | None = None
    output_files: int = 10_000
    output_bytes: int = 50 * 10**9
    code_files: int = 100_000
    code_bytes: int = 10 * 10**9
    code_file_bytes: int = 500 * 10**6

    def excesses(self, asked: Resources) -> list[str]:
        """What of the hardware asked for is over the site's limits, in words for people."""
        pairs = (
            ("cpu", asked.cpu, self.cpu, lambda value: f"{value:g} cores"),
            ("memory", asked.memory, self.memory, lambda value: format_bytes(int(value))),
            ("disk", asked.disk, self.disk, lambda value: format_bytes(int(value))),
            ("time", asked.time, self.time, format_seconds),
        )
        return [
            f"{name}: {show(wanted)} asked for, at most {show(cap)} allowed"
            for name, wanted, cap, show in pairs
            if cap is not None and wanted > cap
        ]
