"""gitlab-ci-local with a Node.js that is new enough for it, from npm, kept in the user's cache as the lock file pins it."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

_HERE = Path(__file__).parent
_CACHE = Path("~/.cache/tagstone-gitlab-ci-local").expanduser()
_PINS = ("package.json", "package-lock.json")


def installed() -> list[str]:
    """The command that starts gitlab-ci-local; installs it first where the cache has other pins."""
    _CACHE.mkdir(parents=True, exist_ok=True)
    stamp = _CACHE / ".installed"
    pins = "".join((_HERE / name).read_text() for name in _PINS)
    with (_CACHE / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != pins:
            _install()
            stamp.write_text(pins)
    modules = _CACHE / "node_modules"
    return [str(modules / "node" / "bin" / "node"), str(modules / "gitlab-ci-local" / "dist" / "index.js")]


def _install() -> None:
    assert shutil.which("npm"), "npm is missing: scripts/install-debian gitlab"
    for name in _PINS:
        shutil.copy(_HERE / name, _CACHE / name)
    # Node's own package fetches its program in a script; nobody else's script is run.
    for command in (["npm", "ci", "--ignore-scripts"], ["npm", "rebuild", "node"]):
        done = subprocess.run(
            [*command, "--no-audit", "--no-fund"], cwd=_CACHE, capture_output=True, text=True, env=dict(os.environ), check=False
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
