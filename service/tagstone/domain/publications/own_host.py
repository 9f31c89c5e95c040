"""Whether the code of projects registered at forges may be built and run on the service's own host.

Whoever may tag there is no user of this machine: engines share its kernel, and buildah keeps nothing apart. So an admin allows one
engine by its name, or nothing of theirs runs here.
"""

from tagstone.domain.publications.policy import Policy
from tagstone.errors import Forbidden

_BUILDS = "Let the project's pipeline build the image (`tagstone register PROJECT --builder ci`)"
_RUNS = "Bring the results with the code (`brought` below `outputs`)"


def refuse_build(policy: Policy, engine: str) -> None:
    """Refuse to build the code of a registered project with this engine. Raises: Forbidden."""
    if policy.registered_builds != engine:
        raise _refusal("built", _BUILDS, "TAGSTONE_BUILDS__REGISTERED", engine, policy.registered_builds)


def refuse_run(policy: Policy, engine: str) -> None:
    """Refuse to run the code of a registered project with this engine; a changed root is never allowed. Raises: Forbidden."""
    if engine == "chroot" or policy.registered_runs != engine:
        raise _refusal("run", _RUNS, "TAGSTONE_RUNS__REGISTERED", engine, policy.registered_runs)


def _refusal(done: str, instead: str, setting: str, engine: str, allowed: str | None) -> Forbidden:
    if allowed is not None:
        return Forbidden(
            f"This service's admin allows {allowed} for the code of registered projects, and it would be {done} by {engine}.",
            remedy=f"Let the service use {allowed}, or set {setting} to another engine.",
        )
    named = "podman" if engine in ("chroot", "none") else engine
    return Forbidden(
        f"The code of registered projects is not {done} on this service's own host.",
        remedy=f"{instead}; or the admin of a small site allows it by name: {setting}={named}.",
    )
