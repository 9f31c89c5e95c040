"""The server that the browser looks at: its address, what stands behind it, and its pages by name."""

from dataclasses import dataclass, field

from browser import scene
from fakes.installation import Installation
from tagstone.domain.publications.publication import Step

PHONE, DESK = (360, 740), (1280, 900)
BUILD_LOG = b"""\
Get:41 bookworm/main amd64 python3-numpy amd64 1:1.24.2-1 [5,178 kB]
Setting up python3-numpy (1:1.24.2-1) ...
Collecting scipy==1.99
ERROR: Could not find a version that satisfies the requirement scipy==1.99 (from versions: 1.14, 1.15, 1.16)
ERROR: No matching distribution found for scipy==1.99
Error: building at STEP "RUN pip install": exit status 1
"""
RUN_LOG = b"""\
reading catalogue
Traceback (most recent call last):
  File "/workspace/analysis.py", line 41, in <module>
    table = read("stars.csv")
FileNotFoundError: [Errno 2] No such file or directory: 'stars.csv'
"""


@dataclass
class World:
    """The server's address, what stands behind it, and the pages to look at by name."""

    url: str
    installation: Installation
    pages: dict[str, str] = field(default_factory=dict)


def fill(world: World) -> None:
    kept = world.installation
    rich = scene.rich(kept)
    failures = {
        "failed-build": scene.failed(kept, 1, "permanent", Step.BUILD, BUILD_LOG, "The build ended with exit code 1.", "Mend the environment; `tagstone check` helps."),
        "failed-run": scene.failed(kept, 2, "failed", Step.RUN, RUN_LOG, "The command ended with exit code 1.", "Read the log of the run."),
        "failed-memory": scene.failed(kept, 3, "out-of-memory", Step.RUN, b"epoch 7\nKilled\n", "The run needed more than 512 MiB.", "Raise `memory` below `run: resources`."),
    }  # fmt: skip
    scene.many(kept)
    world.pages |= {
        "catalogue": "/",
        "search": "/?q=chandler+wob",
        "nothing-found": "/?q=unheard",
        "record": f"/records/{rich}",
        "changes": f"/records/{rich}/changes/p{'9' * 16}",
        "environment": f"/records/{scene.environment(kept)}",
        "brought": f"/records/{scene.brought(kept)}",
        "hostile": f"/records/{scene.hostile(kept)}",
        "publications": "/publications",
        "working": f"/publications/{scene.working(kept)}",
        "waiting": f"/publications/{scene.waiting(kept)}",
        "review": f"/publications/p{'f' * 16}/review",
        "cluster": f"/records/{scene.cluster(kept)}",
        "matrix": f"/records/{scene.matrix(kept)}",
        "working-matrix": f"/publications/{scene.working_matrix(kept)}",
        "amended": f"/records/{scene.amended(kept)}",
        "tombstone": f"/records/{scene.withdrawn(kept)}",
        "problem": "/nowhere",
    } | {name: f"/publications/{publication}" for name, publication in failures.items()}
