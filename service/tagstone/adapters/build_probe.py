"""Whether buildah can build here: in a CI job that depends on what its runner allows, and is known only by trying.

Settings of runners: https://docs.gitlab.com/runner/configuration/advanced-configuration/ and
https://docs.gitlab.com/runner/executors/kubernetes/.
"""

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from tagstone.adapters.build_jobs import SEARCH_PATH
from tagstone.errors import Permanent

_SECONDS = 120.0
_NOWHERE = "/tagstone-is-not-here"
_SECCOMP = (
    'Let the runner\'s admin set security_opt = ["seccomp:unconfined"] below [runners.docker], or type = "Unconfined" below '
    "[runners.kubernetes.build_container_security_context.seccomp_profile]; or let the service build (input `builder`)."
)
_IDS = (
    "Let the runner's admin set allow_privilege_escalation = true below [runners.kubernetes], and no no-new-privileges in "
    "security_opt below [runners.docker]; or let the service build (input `builder`)."
)
_MOUNTS = (
    'Let the runner\'s admin add "apparmor:unconfined" to security_opt below [runners.docker], or type = "Unconfined" below '
    "[runners.kubernetes.build_container_security_context.app_armor_profile]; or let the service build (input `builder`)."
)


def probe(folder: Path, program: str = "buildah") -> None:
    """Make a container of nothing and start what is not in it; all that is left is removed. `folder` is for scratch files.

    Raises:
        Permanent: nothing can be built here; the remedy names the runner's setting that would help.
    """
    if shutil.which(program, path=SEARCH_PATH) is None:
        raise Permanent(
            "There is no buildah in this job.", remedy="Use the image that the template names, or let the service build."
        )
    # Twice: what others unmount while buildah binds the machine's mounts makes it fail where nothing is forbidden.
    said = _tried(folder, program) and _tried(folder, program)
    if said is not None:
        raise _refusal(said)


def _tried(folder: Path, program: str) -> str | None:
    """What is said where no container can be made or entered; None where it can."""
    with TemporaryDirectory(prefix="probe-", dir=folder, ignore_cleanup_errors=True) as name:
        place = Path(name)
        buildah = [program, "--root", f"{name}/root", "--runroot", f"{name}/run", "--storage-driver", "vfs"]
        unshared = [] if os.geteuid() == 0 else [program, "unshare"]
        for arguments in (["from", "--name", "probe", "scratch"], ["run", "--isolation", "chroot", "probe", _NOWHERE]):
            said = _say([*unshared, *buildah, *arguments], place)
            if said is not None and _NOWHERE not in said:
                return said
        _say([*unshared, *buildah, "rm", "probe"], place)
    return None


def _say(command: list[str], place: Path) -> str | None:
    """What a command says that fails; None when it succeeds."""
    environment = {"PATH": SEARCH_PATH, "HOME": str(place), "TMPDIR": str(place), "LANG": "C.UTF-8"}
    try:
        done = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=environment,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"it took longer than {_SECONDS:g} seconds"
    return None if done.returncode == 0 else done.stderr or "it said nothing"


def _refusal(said: str) -> Permanent:
    last = (said.strip().splitlines() or ["it said nothing"])[-1][:300]
    words = said.lower()
    remedy = _MOUNTS
    if "uid_map" in words or "newuidmap" in words or "newgidmap" in words:
        remedy = _IDS
    elif "unshare" in words or "clone" in words or "user namespace" in words:
        remedy = _SECCOMP
    return Permanent(f"This runner lets no job build images: {last}", remedy=remedy)
