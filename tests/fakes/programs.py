"""Programs of this machine that tests put on a PATH of their own."""

import shutil


def found(name: str) -> str:
    """Where a program is; a missing one fails the test."""
    path = shutil.which(name, path="/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
    assert path is not None, f"{name} is not installed"
    return path
