"""Runs a command beside a cluster of its own, or keeps one up until it is interrupted when there is no command.

Usage: PYTHONPATH=tests .venv/bin/python -m servers.kubernetes [COMMAND [ARGUMENT...]]

The command finds the cluster in TAGSTONE_TEST_CLUSTER (which tests read), and KUBECONFIG, TEST_REGISTRY, TEST_MACHINE
(the address at which pods reach this machine) and DOCKER_HOST.
"""

import os
import subprocess
import sys
from collections.abc import Sequence

from servers.kubernetes.cluster import VARIABLE, Cluster, running_cluster


def main(command: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    with running_cluster() as cluster:
        wanted = variables(cluster)
        if command:
            return subprocess.run(command, env=os.environ | wanted, check=False).returncode
        print("\n".join(f"export {name}={value}" for name, value in wanted.items()), flush=True)
        sys.stdin.read()
    return 0


def variables(cluster: Cluster) -> dict[str, str]:
    """Where a cluster is, as environment variables."""
    return {
        VARIABLE: f"{cluster.number}:{cluster.folder}",
        "KUBECONFIG": str(cluster.kubeconfig),
        "TEST_REGISTRY": cluster.registry,
        "TEST_MACHINE": cluster.machine,
        "DOCKER_HOST": cluster.engine,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
