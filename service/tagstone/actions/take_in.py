"""Taking in what a CI job hands in: the job proves who it is, the forge says what is so, and the image is looked up."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tagstone.actions.build import image_name
from tagstone.actions.submit import Submitted, submit
from tagstone.domain.code.source import Commit, ProjectIdentity
from tagstone.domain.forges import claims as rules
from tagstone.domain.forges.claims import Expected, JobIdentity
from tagstone.domain.forges.registration import ImageBuilder, Standing
from tagstone.domain.images.oci import ImageReference, check_digest, is_name
from tagstone.domain.people.deed import Actor, Deed, Origin
from tagstone.domain.publications.publication import Kind, State, Step
from tagstone.errors import Conflict, Forbidden, NotFound, TagstoneError, Temporary
from tagstone.ports import Clock, Forge, ForgeProjects, Registry, WorkQueue
from tagstone.store import audit, deliveries, projects, publications, registrations, spent_tokens, steps
from tagstone.store.session import Sessions
from tagstone.store.tables import Publication, Registration

_MINUTE = 60.0
_REFUSALS = 10


@dataclass(frozen=True)
class HandedIn:
    """What a job hands in: the digest of the image that it built, and the manifest that counts where it is not tagstone.yml."""

    image: str | None = None
    manifest: str | None = None
    rehearsal: bool = False

    @property
    def digest(self) -> str:
        """A hash of all of it: equal questions have equal ones."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Intake:
    """Takes in what jobs hand in. Images are in our registry, or in that of the project's forge, one of `job_registries`."""

    sessions: Sessions
    queue: WorkQueue
    clock: Clock
    forges: ForgeProjects
    forge: Forge
    registry: Registry
    job_registries: Mapping[str, Registry] = field(default_factory=dict)

    def take_in(self, forge: str, claims: Mapping[str, Any], handed: HandedIn) -> Submitted:
        """Submit the publication that a job asks for; `claims` are of a token that `forge` signed for us.

        A token is good for one question. The same question again is answered the same, since its first answer may have been lost.

        Raises:
            Forbidden: the project is not registered, or the job may not hand in an image for this tag.
            NotFound: the project has no such image.
            Conflict: the token was used for something else, or the publication has another image, or is past that.
            Away, Temporary: forge or registry give no answer.
        """
        job = rules.identity(claims)
        try:
            return self._take_in(forge, claims, job, handed)
        except (Forbidden, NotFound, Conflict) as refusal:
            self._refused(forge, claims, job, refusal)
            raise

    def _take_in(self, forge: str, claims: Mapping[str, Any], job: JobIdentity, handed: HandedIn) -> Submitted:
        registration, project = self._registered(forge, job)
        rehearses = handed.rehearsal and rules.is_branch(claims)
        (self._check_branch if rehearses else self._check_tag)(forge, claims, job)
        image = self._image(registration, project, handed)
        commit = self._commit(project, f"refs/{'heads' if rehearses else 'tags'}/{job.ref}", job.sha)
        try:
            with self.sessions.write() as session:
                return self._submit(session, registration, project, commit, job, image, handed)
        except IntegrityError:
            raise Temporary("The same was asked at the same moment.", delay=1.0) from None

    def _refused(self, forge: str, claims: Mapping[str, Any], job: JobIdentity, why: TagstoneError) -> None:
        """Write a refusal down, of each project a few in a minute: whoever has a GitLab account may ask as often as they like."""
        subject = f"{forge} {job.project}"
        with self.sessions.write() as session:
            now = self.clock.now()
            if audit.count(session, Deed.HAND_IN_REFUSED, subject, now - _MINUTE) < _REFUSALS:
                detail = f"{claims.get('ref')} of {claims.get('project_path')}, job {job.job}: {why.message}"
                audit.write(session, now, Actor(job.person, Origin.JOB), Deed.HAND_IN_REFUSED, subject, detail)

    def _registered(self, forge: str, job: JobIdentity) -> tuple[Registration, ProjectIdentity]:
        with self.sessions.read() as session:
            found = registrations.of_remote(session, forge, job.project)
            if found is None or found.standing != Standing.ACTIVE:
                raise Forbidden(
                    "This project is not registered here, or is a fork of one that is.",
                    remedy="A maintainer asks for it with `tagstone register PROJECT`.",
                )
            return found, projects.identity(projects.get(session, found.project_id))

    def _check_branch(self, forge: str, claims: Mapping[str, Any], job: JobIdentity) -> None:
        """Compare what the token of a rehearsal says with what the forge says now of the project's own branch."""
        remote = self.forges.project(forge, job.project)
        sha = self.forges.branch(remote, job.ref)
        rules.check_rehearsal(claims, Expected(remote.number, job.ref, sha or job.sha))
        if sha is None:
            raise Forbidden(
                f"The project has no branch {job.ref[:200]!r}: it is gone, or a fork's.",
                remedy="Push the branch to the project that is registered, and rehearse in its pipeline.",
            )

    def _check_tag(self, forge: str, claims: Mapping[str, Any], job: JobIdentity) -> None:
        """Compare what the token says with what the forge says now."""
        remote = self.forges.project(forge, job.project)
        # A branch is no tag that is missing: that is told by the claims.
        tag = self.forges.tag(remote, job.ref) if claims.get("ref_type") == "tag" else None
        rules.check(claims, Expected(remote.number, job.ref, tag.sha if tag else job.sha))
        if tag is None:
            raise Conflict(f"The tag {job.ref[:200]!r} is not there any more.", remedy="Push it again.")
        if not tag.protected:
            raise Forbidden("The tag is not protected any more.", remedy="Protect it, then run the pipeline again.")

    def _image(self, registration: Registration, project: ProjectIdentity, handed: HandedIn) -> ImageReference | None:
        if handed.rehearsal and handed.image is None:
            return None  # nobody waits for its digest: whoever may build on this service's behalf does
        if registration.builder == ImageBuilder.SERVICE:
            if handed.image is None:
                return None
            raise Conflict(
                "The images of this project are built by this service, and the job hands one in.",
                remedy="Leave the job that builds out, or let the project be registered with the builder `ci`.",
            )
        if handed.image is None:
            raise Conflict(
                "The images of this project are built by its pipeline, and the job hands none in.",
                remedy="Let the pipeline build, or let the project be registered with the builder `service`.",
            )
        return self._find(registration, project, check_digest(handed.image))

    def _find(self, registration: Registration, project: ProjectIdentity, digest: str) -> ImageReference:
        """The image with this digest among a project's own; another's is not looked for. Raises: NotFound, Away, Temporary."""
        path = registration.path.lower()
        theirs = self.job_registries.get(registration.forge)
        places = [(self.registry, image_name(project), ""), (self.registry, path, "")]
        places += [(theirs, path, f"{registration.forge}:")] if theirs is not None else []
        for registry, name, mark in places:
            if is_name(name):
                try:
                    registry.manifest(name, digest)
                except (NotFound, Forbidden):
                    continue  # registries refuse rather than say that there is no such name
                return ImageReference(mark + name, digest)
        raise NotFound(
            f"The project has no image {digest[:19]}… in a registry that this service looks into.",
            remedy="Push it under the project's own path, and hand in the digest of that push.",
        )

    def _commit(self, project: ProjectIdentity, name: str, sha: str) -> Commit:
        commit = self.forge.resolve(project.location, name)
        if commit.sha != sha:
            raise Forbidden("What the job runs for was moved at this moment.", remedy="Run its newest pipeline.")
        return commit

    def _submit(
        self,
        session: Session,
        registration: Registration,
        project: ProjectIdentity,
        commit: Commit,
        job: JobIdentity,
        image: ImageReference | None,
        handed: HandedIn,
    ) -> Submitted:
        now, kind = self.clock.now(), Kind.REHEARSAL if handed.rehearsal else Kind.PUBLICATION
        token = job.spent_as(registration.forge)
        spent = spent_tokens.find(session, token)
        if spent is not None:
            return _again(session, spent.publication_id, same=spent.asked == handed.digest)
        gone = _gave_up(session, registration.project_id, kind, commit)
        done = submit(session, self.queue, now, project, commit, kind, supersede=gone)
        row = publications.get(session, done.publication)
        _put(session, row, image, handed.manifest, new=done.new)
        if done.new:
            detail = f"{row.ref} of {registration.path}, job {job.job}, {image or 'no image'}"
            audit.write(session, now, Actor(job.person, Origin.JOB), Deed.HANDED_IN, row.id, detail)
        row.pushed_by = job.person
        spent_tokens.spend(session, token, handed.digest, row.id, job.expires_at, now)
        if kind is Kind.PUBLICATION:
            for waiting in deliveries.waiting(session, registration.id, commit.ref):
                deliveries.settle(waiting, deliveries.DONE, "its pipeline handed the image in", row.id)
        return done


def _again(session: Session, publication: str, *, same: bool) -> Submitted:
    if not same:
        raise Conflict("This token was used already, for something else.", remedy="Run the job again: it gets a new token.")
    return Submitted(publication, State(publications.get(session, publication).state), new=False)


def _gave_up(session: Session, project_id: int, kind: Kind, commit: Commit) -> bool:
    """Whether all attempts at a tag have ended without a record: who then moves a protected tag means it."""
    rows = publications.of_ref(session, project_id, kind, commit.ref)
    return all(row.state in (State.FAILED, State.CANCELLED, State.SUPERSEDED) for row in rows)


def _put(session: Session, row: Publication, image: ImageReference | None, manifest: str | None, *, new: bool) -> None:
    """Let the publication adopt an image. Raises: Conflict where it has another one and works on, or is past that."""
    name = str(image) if image else None
    if (name, manifest) == (row.handed_image, row.handed_manifest):
        return
    begun = steps.was_begun(session, row.id, Step.RESOLVE)
    released = steps.was_begun(session, row.id, Step.RELEASE)
    if not new or released or (begun and manifest != row.handed_manifest):
        raise Conflict(
            f"{row.id} is {row.state} with another image or manifest.",
            remedy="Cancel it if it is still at work, else give the new image a tag of its own.",
        )
    # What was made with the image before is made again; the draft with its DOI is found again.
    steps.forget(session, row.id, Step.BUILD)
    row.handed_image, row.handed_manifest = name, manifest
