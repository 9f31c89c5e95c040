"""`README.md` of a bundle: what this is, how to cite it, what it ran on, and how to run it again; for people."""

from tagstone.bundle.text import code, markdown, plain, shell
from tagstone.domain import citing
from tagstone.domain.deposit import DepositMetadata
from tagstone.domain.hardware import format_bytes
from tagstone.domain.hardware_table import rows
from tagstone.domain.record import Facts, ImageFacts, RunFacts
from tagstone.domain.run import Isolation, Outcome

FILE = "README.md"
_SHOWN_OUTPUTS = 50

_CONTENTS = """\
## What is in here

| path | what it is |
| --- | --- |
| `code.tar` | the code at the commit |
| `image/` | the container image as an OCI image layout: everything the code needs, pinned by digest |
| `inputs/` | what was fetched for the run, if anything was |
| `outputs/` | what the run left |
| `logs/run.log` | what the run wrote to its output and error streams |
| `reproduce.sh` | runs it again and compares every output by checksum |
| `ro-crate-metadata.json` | all of this for programs (RO-Crate 1.1, Process Run Crate 0.5) |
| `tagstone.json`, `tagstone.yml` | what was recorded, and what was asked for |
| `CITATION.cff` | how to cite this, for programs |
| `SHA256SUMS` | checksums of every other file: `sha256sum -c SHA256SUMS` |
"""


def readme(facts: Facts, metadata: DepositMetadata, image: ImageFacts, run: RunFacts) -> str:
    """The whole text; everything that authors wrote is escaped."""
    parts = [
        _head(facts, metadata),
        _citation(facts, metadata),
        _CONTENTS,
        _again(facts, image),
        _by_hand(facts, run),
        _hardware(image, run),
        _outputs(facts, run),
        _limits(run),
    ]
    return "\n".join(parts)


def _head(facts: Facts, metadata: DepositMetadata) -> str:
    source = facts.source
    description = f"{markdown(metadata.description)}\n\n" if metadata.description else ""
    rehearsal = "" if facts.doi else "**This is a rehearsal: it has no identifier and cannot be cited.**\n\n"
    origin = f" of {markdown(source.project.url)}" if source.project.url else ""
    return (
        f"# {markdown(metadata.title)} {markdown(metadata.version)}\n\n{rehearsal}{description}"
        f"Code, container image, run and outputs of {code(source.tag)} (commit {code(source.commit.sha)}){origin}, "
        f"archived together by Tagstone {markdown(facts.tagstone)}.\n\n"
        f"- Identifier: {_identifier(facts)}\n"
        f"- Authors: {', '.join(markdown(creator.name) for creator in metadata.creators)}\n"
        f"- Licence: {', '.join(markdown(licence) for licence in metadata.licences) or 'none given'}\n"
        f"- Date of the run: {metadata.date}\n"
    )


def _identifier(facts: Facts) -> str:
    text = citing.identifier(facts.deposit)
    registered = facts.deposit is not None and facts.deposit.registered and facts.deposit.doi is not None
    concept = facts.deposit.concept_doi if facts.deposit else None
    versions = f" (all versions: {code(concept)})" if concept else ""
    if registered:
        return f"<{text}>{versions}"
    return f"**{markdown(text)}**{versions}"


def _citation(facts: Facts, metadata: DepositMetadata) -> str:
    if not facts.doi:
        return "## How to cite it\n\nA rehearsal is not cited. Publish a tag, and cite the identifier it gets.\n"
    entry = "".join(f"    {line}\n" for line in citing.bibtex(metadata, facts.deposit).splitlines())
    return f"## How to cite it\n\n> {markdown(citing.apa(metadata, facts.deposit))}\n\n{entry}"


def _again(facts: Facts, image: ImageFacts) -> str:
    return (
        "## How to run it again\n\n"
        "    sh reproduce.sh\n\n"
        "It needs a POSIX shell with the usual commands (`tar`, `sha256sum`) and one of podman, docker, buildah, or skopeo with umoci "
        "and runc; no Tagstone and no network. It checks this bundle, loads the image by digest, runs the recorded command on "
        "a fresh copy of the code, and says *identical*, or *different* with the list. "
        f"With Tagstone: {code('tagstone reproduce ' + (facts.doi or facts.publication))}.\n\n"
        f"The image is {code(image.image.digest)} for {markdown(str(image.image.platform))}.\n"
    )


def _by_hand(facts: Facts, run: RunFacts) -> str:
    written = " ".join(shell(word) for word in run.spec.command)
    command = f" {written}" if written == plain(written) else ""  # what fits on no line is in reproduce.sh
    loaded = f"localhost/tagstone:{facts.publication}"
    return (
        "By hand, in this folder:\n\n"
        f"    podman run --rm -it $(podman pull -q oci:image){command}\n"
        f"    tar -C image -cf - . | docker load && docker run --rm -it {loaded}{command}\n"
        "    skopeo inspect oci:image\n"
        f"    apptainer build {facts.publication}.sif oci:image\n"
    )


def _hardware(image: ImageFacts, run: RunFacts) -> str:
    lines = "".join(
        f"| {row.name} | {markdown(row.asked)} | {markdown(row.granted)} | {markdown(row.used)} |\n" for row in rows(run)
    )
    head = f"## Hardware\n\nThe image is made for {image.image.platform}.\n\n"
    return f"{head}| | asked for | granted | used |\n| --- | --- | --- | --- |\n{lines}"


def _outputs(facts: Facts, run: RunFacts) -> str:
    ended = "" if run.status.outcome is Outcome.SUCCEEDED else f"**The run did not succeed: {run.status.outcome}.**\n\n"
    lines = "".join(
        f"- {code('outputs/' + output.path)}, {format_bytes(output.size)}\n" for output in facts.outputs[:_SHOWN_OUTPUTS]
    )
    more = len(facts.outputs) - _SHOWN_OUTPUTS
    rest = f"- and {more} more, all in `SHA256SUMS`\n" if more > 0 else ""
    return f"## Outputs\n\n{ended}{lines}{rest}" if facts.outputs else f"## Outputs\n\n{ended}None.\n"


def _limits(run: RunFacts) -> str:
    notes = [
        "The image holds the operating system and packages, not the kernel and not the processor: results that depend on those may differ.",
        "`reproduce.sh` holds processors, memory, processes and time to what was asked for; disk it does not.",
        "`reproduce.sh` compares the recorded outputs; files that a new run leaves beside them it does not look for.",
    ]
    if run.spec.network:
        notes.append("The run had the network: what it fetched is not in this bundle unless it is an output.")
    if run.status.isolation is Isolation.NONE:
        notes.append("The recorded run was *not isolated* from its machine.")
    return "## Limits\n\n" + "".join(f"- {note}\n" for note in notes)
