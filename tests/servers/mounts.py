"""What container engines leave mounted below their folders."""

import subprocess
from pathlib import Path


def unmount_below(folder: Path) -> None:
    """Unmount all that is mounted below a folder, so that it can be removed."""
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    for mount in sorted((mount for mount in mounts if mount.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", mount], check=True)
