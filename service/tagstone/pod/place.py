"""Where a program of the pod finds what it works with: addresses and paths from its environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tagstone.errors import Invalid


@dataclass(frozen=True)
class Place:
    """The desk's address for this run, who asks (`pod`, and the token in a file), and the folders of the pod.

    The author's container sees `tools` read-only, may write to `control` and `workspace`, and does not see `own` at all. With
    `lasting` the workspace is a folder of a volume that outlives the pod: it is made first, and in the end nothing is left of it.
    """

    desk: str
    pod: str
    token: Path
    workspace: Path
    tools: Path
    control: Path
    own: Path
    busybox: Path
    ca: Path | None = None
    lasting: bool = False

    @property
    def plan(self) -> Path:
        """Where the plan is kept for the program that comes after."""
        return self.own / "plan.json"


def place_from(environment: Mapping[str, str]) -> Place:
    """The place that the variables `TAGSTONE_*` of a pod describe. Raises: Invalid."""
    missing = [name for name in ("TAGSTONE_DESK", "TAGSTONE_POD") if not environment.get(name)]
    if missing:
        raise Invalid(f"{' and '.join(missing)} are not set.", remedy="These programs are started by Tagstone, in its pods.")

    def path(name: str, usual: str) -> Path:
        return Path(environment.get(f"TAGSTONE_{name}") or usual)

    return Place(
        desk=environment["TAGSTONE_DESK"].rstrip("/"),
        pod=environment["TAGSTONE_POD"],
        token=path("TOKEN", "/tagstone/desk/token"),
        workspace=path("WORKSPACE", "/tagstone/workspace"),
        tools=path("TOOLS", "/tagstone/tools"),
        control=path("CONTROL", "/tagstone/control"),
        own=path("OWN", "/tagstone/own"),
        busybox=path("BUSYBOX", "/bin/busybox"),
        ca=path("CA", "") if environment.get("TAGSTONE_CA") else None,
        lasting=environment.get("TAGSTONE_LASTING") == "true",
    )
