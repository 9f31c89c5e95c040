"""What a CI job's identity token must say before its job may hand in an image: one small function for each claim.

Signature, issuer, audience and times are judged before, where keys are (https://docs.gitlab.com/ci/secrets/id_token_authentication/).
Ids and truth values are texts in these tokens. `sub` may be set by a project to whatever it likes, and is never looked at.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tagstone.errors import Forbidden, Invalid

SOURCES = ("push", "web", "api", "trigger", "schedule", "parent_pipeline")
"""Ways in which a pipeline of the project itself begins; those of merge requests are left out: forks begin them."""

_REHEARSED = (*SOURCES, "merge_request_event")


@dataclass(frozen=True)
class Expected:
    """What we know already: the project's number at its GitLab, and tag or branch and commit as GitLab's API answers them."""

    project: int
    ref: str
    sha: str


Rule = Callable[[Mapping[str, Any], Expected], Forbidden | None]
"""Judges one claim: why it is refused, or None."""


@dataclass(frozen=True)
class JobIdentity:
    """Which job speaks, as its token says and we believe after all was checked: `token` is the token's own number (jti).

    `ref` is a tag, or a branch where something is rehearsed.
    """

    token: str
    project: int
    ref: str
    sha: str
    pipeline: str
    job: str
    person: str
    expires_at: float

    def spent_as(self, forge: str) -> str:
        """What its token, which `forge` signed, is remembered by once it was used."""
        return hashlib.sha256(f"{forge}\0{self.token}".encode()).hexdigest()


def identity(claims: Mapping[str, Any]) -> JobIdentity:
    """Who speaks, before it is known what to expect. Raises: Invalid where the token does not say."""
    texts = {name: claims.get(name) for name in ("jti", "project_id", "ref", "sha", "pipeline_id", "job_id", "user_login")}
    missing = [name for name, value in texts.items() if not isinstance(value, str) or not 0 < len(value) <= 1000]
    expires = claims.get("exp")
    if missing or not isinstance(expires, int | float) or not str(texts["project_id"]).isdecimal():
        what = ", ".join(missing) or "exp or project_id"
        raise Invalid(f"The job's token does not say {what}.", remedy="Use a token that GitLab made: `id_tokens` in the job.")
    found = {name: str(value) for name, value in texts.items()}
    return JobIdentity(
        found["jti"],
        int(found["project_id"]),
        found["ref"],
        found["sha"],
        found["pipeline_id"],
        found["job_id"],
        found["user_login"],
        float(expires),
    )


def is_branch(claims: Mapping[str, Any]) -> bool:
    """Whether the job runs for a branch, or for the branch of a merge request."""
    return claims.get("ref_type") == "branch"


def check(claims: Mapping[str, Any], expected: Expected) -> None:
    """Refuse a token whose job may not hand in an image for this tag. Raises: Forbidden, with what is wrong first."""
    _hold(RULES, claims, expected)


def check_rehearsal(claims: Mapping[str, Any], expected: Expected) -> None:
    """Refuse a token whose job may not rehearse this branch. Raises: Forbidden, with what is wrong first."""
    _hold(REHEARSAL_RULES, claims, expected)


def _hold(rules: Sequence[Rule], claims: Mapping[str, Any], expected: Expected) -> None:
    for rule in rules:
        refusal = rule(claims, expected)
        if refusal is not None:
            raise refusal


def _is_branch(claims: Mapping[str, Any], _: Expected) -> Forbidden | None:
    if is_branch(claims):
        return None
    return Forbidden("The job runs for no branch.", remedy="Rehearse from a branch or a merge request of the project.")


def _is_tag(claims: Mapping[str, Any], _: Expected) -> Forbidden | None:
    if claims.get("ref_type") == "tag":
        return None
    return Forbidden("The job runs for a branch, and only tags are published.", remedy="Push a tag: `git tag v1.0.0`.")


def _is_protected(claims: Mapping[str, Any], _: Expected) -> Forbidden | None:
    if claims.get("ref_protected") == "true":
        return None
    return Forbidden(
        "The tag is not protected: whoever may push could publish.",
        remedy="Protect it (Settings, Repository, Protected tags, such as v*), then tag anew or run the pipeline again.",
    )


def _is_of_project(claims: Mapping[str, Any], expected: Expected) -> Forbidden | None:
    if claims.get("project_id") == str(expected.project):
        return None
    return Forbidden("The token is of another project, such as a fork.", remedy="Publish from the project that is registered.")


def _is_own_job(claims: Mapping[str, Any], expected: Expected) -> Forbidden | None:
    if claims.get("job_project_id") in (None, str(expected.project)):
        return None
    return Forbidden(
        "The job is another project's, which runs in this project's pipeline.", remedy="Publish from a job of the project."
    )


def _begun_by_project(claims: Mapping[str, Any], _: Expected) -> Forbidden | None:
    source = claims.get("pipeline_source")
    if source in SOURCES:
        return None
    return Forbidden(
        f"The pipeline was begun by {str(source)[:40]!r}, which may run code that is not the project's.",
        remedy="Push the tag, or start the pipeline of the tag by hand.",
    )


def _rehearsed_by_project(claims: Mapping[str, Any], _: Expected) -> Forbidden | None:
    source = claims.get("pipeline_source")
    if source in _REHEARSED:
        return None
    return Forbidden(
        f"The pipeline was begun by {str(source)[:40]!r}, which may run code that is not the project's.",
        remedy="Push the branch, or start its pipeline by hand.",
    )


def _names_branch(claims: Mapping[str, Any], expected: Expected) -> Forbidden | None:
    if claims.get("ref") == expected.ref:
        return None
    return Forbidden("The token is of another branch.", remedy="Rehearse in the branch's own pipeline.")


def _is_branchs_commit(claims: Mapping[str, Any], expected: Expected) -> Forbidden | None:
    if claims.get("sha") == expected.sha:
        return None
    return Forbidden(
        f"The branch is at {expected.sha[:12]} now, and the job runs for {str(claims.get('sha'))[:12]}: the branch moved on, is "
        "another project's of the same name, or the pipeline is of a merged result.",
        remedy="Rehearse in the newest pipeline of the branch itself.",
    )


def _names_tag(claims: Mapping[str, Any], expected: Expected) -> Forbidden | None:
    if claims.get("ref") == expected.ref:
        return None
    return Forbidden("The token is of another tag.", remedy="Hand in what this tag's own pipeline built.")


def _is_at_commit(claims: Mapping[str, Any], expected: Expected) -> Forbidden | None:
    if claims.get("sha") == expected.sha:
        return None
    return Forbidden(
        f"The tag points to {expected.sha[:12]} now, and the job runs for {str(claims.get('sha'))[:12]}: the tag was moved.",
        remedy="Run the pipeline of the tag again.",
    )


RULES: tuple[Rule, ...] = (
    _is_tag,
    _is_protected,
    _is_of_project,
    _is_own_job,
    _begun_by_project,
    _names_tag,
    _is_at_commit,
)
"""What a token must say before an image is taken for a tag."""

REHEARSAL_RULES: tuple[Rule, ...] = (
    _is_branch,
    _is_of_project,
    _is_own_job,
    _rehearsed_by_project,
    _names_branch,
    _is_branchs_commit,
)
"""What it must say before a branch is rehearsed: nobody has to protect it, for nothing of it stays."""
