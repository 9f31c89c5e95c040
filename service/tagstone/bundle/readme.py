"""`README.md` of a bundle: what this is, how to cite it, what it ran on, and how to run it again; for people."""

from collections.abc import Iterator

from tagstone.bundle.files import folder_of
from tagstone.bundle.inputs import address
from tagstone.bundle.reproduce import tolerant
from tagstone.bundle.sizes import known_parts
from tagstone.bundle.swhid import revision_swhid
from tagstone.bundle.text import code, markdown, plain, shell
from tagstone.domain.citations import citing
from tagstone.domain.deposits.deposit import DepositMetadata
from tagstone.domain.deposits.packing import PACK, packed_paths
from tagstone.domain.manifests.manifest import EMPTY
from tagstone.domain.manifests.values import RELATIONS
from tagstone.domain.publications.record import Facts, ImageFacts, InputFacts, RunFacts
from tagstone.domain.runs import matrix_table
from tagstone.domain.runs.hardware import format_bytes
from tagstone.domain.runs.hardware_table import rows
from tagstone.domain.runs.run import Isolation, Outcome, OutputFile

FILE = "README.md"
_SHOWN_OUTPUTS = 50
_LAYOUT = (
    "the container image as an OCI image layout: everything the code needs, pinned by digest. The blobs below it are the image's "
    "layers (file trees as tar), configuration and manifest, each named after its sha256; versions with the same environment share them"
)
_RELATIONS = {related: f"is {name.replace('-', ' ')}" for name, related in RELATIONS.items()}


def readme(facts: Facts, metadata: DepositMetadata, image: ImageFacts) -> str:
    """The whole text; everything that authors wrote is escaped."""
    parts = [
        _head(facts, metadata),
        _citation(facts, metadata),
        _again(facts, image),
        _contents(facts, image),
        _matrix(facts),
        _outputs(facts),
        _inputs(facts),
        _related(facts, metadata),
        _hardware(image, facts.run),
        _image(image),
        _limits(facts, image),
    ]
    return "\n".join(part for part in parts if part)


def _head(facts: Facts, metadata: DepositMetadata) -> str:
    source = facts.source
    description = f"{markdown(metadata.description)}\n\n" if metadata.description else ""
    rehearsal = "**This is a rehearsal: it has no DOI and cannot be cited.**\n\n" if facts.rehearses or not facts.doi else ""
    origin = f" of {markdown(source.project.url)}" if source.project.url else ""
    swhid = f"- Code: {code(source.swhid)}, in {code(revision_swhid(source.commit.sha))}\n" if source.swhid else ""
    return (
        f"# {markdown(metadata.title)} {markdown(metadata.version)}\n\n{rehearsal}{description}"
        f"{_what(facts)} of {code(source.tag)} (commit {code(source.commit.sha)}){origin}, "
        f"archived together by Tagstone {markdown(facts.tagstone)}.\n\n"
        f"- Identifier: {_identifier(facts)}\n"
        f"- Authors: {', '.join(markdown(creator.name) for creator in metadata.creators)}\n"
        f"- Licence: {', '.join(markdown(licence) for licence in metadata.licences) or 'none given'}{_part_licences(metadata)}\n"
        f"- {'Date of the run' if facts.run else 'Date'}: {metadata.date}\n"
        f"- Published by: {_publisher(facts)}\n{swhid}"
    )


def _part_licences(metadata: DepositMetadata) -> str:
    return "".join(f"; of the {part.part}: {markdown(part.licence)}" for part in metadata.part_licences)


def _what(facts: Facts) -> str:
    parts = ["Code", "container image", *(["run"] if facts.run else []), *(["outputs"] if facts.outputs else [])]
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def _publisher(facts: Facts) -> str:
    publisher = facts.publisher
    known = (publisher.url, publisher.contact)
    where = ", ".join(f"<{plain(text)}>" for text in known if text)
    return markdown(publisher.name) + (f" ({where})" if where else "")


def _identifier(facts: Facts) -> str:
    text = citing.identifier(facts.deposit)
    registered = facts.deposit is not None and facts.deposit.registered and facts.deposit.doi is not None
    concept = facts.deposit.concept_doi if facts.deposit else None
    versions = f" (all versions: {code(concept)})" if concept else ""
    if registered:
        return f"<{text}>{versions}"
    return f"**{markdown(text)}**{versions}"


def _citation(facts: Facts, metadata: DepositMetadata) -> str:
    if not facts.doi or facts.rehearses:
        return "## How to cite it\n\nA rehearsal is not cited. Publish a tag, and cite the identifier it gets.\n"
    entry = "".join(f"    {line}\n" for line in citing.bibtex(metadata, facts.deposit).splitlines())
    return f"## How to cite it\n\n> {markdown(citing.apa(metadata, facts.deposit))}\n\n{entry}"


def _again(facts: Facts, image: ImageFacts) -> str:
    title = "How to run it again" if facts.run else "How to use the environment"
    fetched = [*(["the image"] if not image.bundled else []), *(["inputs"] if _inputs_elsewhere(facts) else [])]
    needed = f", and the network for what is not in here: {' and '.join(fetched)}" if fetched else " and no network"
    return (
        f"## {title}\n\n"
        "    sh reproduce.sh\n\n"
        "It needs a POSIX shell with the usual commands (`tar`, `sha256sum`) and one of podman, docker, buildah, or skopeo with umoci "
        f"and runc; no Tagstone{needed}. "
        f"It checks this bundle, {'loads' if image.bundled else 'pulls'} the image by digest, {_then(facts)}. "
        f"With Tagstone: {code('tagstone reproduce ' + (facts.doi or facts.publication))}.\n\n"
        f"The image is {code(image.image.digest)} for {markdown(str(image.image.platform))}.{_kept_elsewhere(image)}\n\n"
        f"{_by_hand(facts, image)}"
    )


def _then(facts: Facts) -> str:
    if facts.run is None:
        return "and says how to start it; nothing was run for this record"
    times = f" {len(facts.matrix)} times, with each combination of values," if facts.matrix else ""
    again = f"runs the recorded command{times} on a fresh copy of the code"
    if facts.outputs and all(output.brought for output in facts.outputs):
        return f"{again}, and says whether it ends well: it checks the outputs, which were made elsewhere"
    return f"{again}, and says *identical*, or *different* with the list"


def _inputs_elsewhere(facts: Facts) -> bool:
    return any(not given.copied for given in facts.source.inputs)


def _kept_elsewhere(image: ImageFacts) -> str:
    if image.bundled:
        return ""
    size = format_bytes(sum(blob.size for blob in (image.image.config, *image.image.layers)))
    return (
        f" **It is not in here:** with its {size} it is more than the depository takes. "
        f"It is kept at {code(image.address)}; whoever pulls it by this digest gets this image and no other."
    )


def _by_hand(facts: Facts, image: ImageFacts) -> str:
    written = " ".join(shell(word) for word in facts.run.spec.command) if facts.run else ""
    command = f" {written}" if written and written == plain(written) else ""  # what fits on no line is in reproduce.sh
    if not image.bundled:
        return (
            "By hand:\n\n"
            f"    podman run --rm -it {image.address}{command}\n"
            f"    docker run --rm -it {image.address}{command}\n"
            f"    apptainer build {facts.publication}.sif docker://{image.address}\n"
        )
    loaded = f"localhost/tagstone:{facts.publication}"
    return (
        "By hand, in this folder:\n\n"
        f"    podman run --rm -it $(podman pull -q oci:image){command}\n"
        f"    tar -C image -cf - . | docker load && docker run --rm -it {loaded}{command}\n"
        "    skopeo inspect oci:image\n"
        f"    apptainer build {facts.publication}.sif oci:image\n"
    )


def _contents(facts: Facts, image: ImageFacts) -> str:
    folders = {folder_of(output) for output in facts.outputs}
    lines = {
        "`code.tar`": "the code at the commit",
        "`image/`": _LAYOUT if image.bundled else "",
        "`inputs/`": "what was fetched for the run" if any(given.copied for given in facts.source.inputs) else "",
        "`outputs/`": "what the run left" if "outputs" in folders else "",
        "`brought/`": "results that were made elsewhere: **not run by Tagstone**" if "brought" in folders else "",
        "`logs/run.log`": "what the run wrote to its output and error streams"
        + (", one after the other" if facts.matrix else "")
        if facts.run
        else "",
        "`reproduce.sh`": "runs it again and compares every output by checksum" if facts.run else "checks and loads the image",
        "`Containerfile`": "how the image was built, every base by its digest" if image.recipe else "",
        "`sbom.cdx.json`": "the packages in the image (CycloneDX SBOM)",
        "`provenance.intoto.json`": "what image and outputs were made from, and how (SLSA provenance, not signed)",
        "`codemeta.json`, `CITATION.cff`": "the code, and how to cite this, for programs",
        "`ro-crate-metadata.json`": "all of this for programs (RO-Crate 1.1)",
        "`tagstone.json`": "everything that was recorded",
        "`tagstone.yml`": "what was asked for" if facts.source.manifest != EMPTY else "",
        "`SHA256SUMS`": "checksums of every other file: `sha256sum -c SHA256SUMS`",
    }
    table = "".join(f"| {path} | {what} |\n" for path, what in lines.items() if what)
    return f"## What is in here\n\n| path | what it is |\n| --- | --- |\n{table}{_packed(facts)}"


def _packed(facts: Facts) -> str:
    """What of this the depository takes only as one file."""
    count = len(packed_paths(known_parts(facts), facts.limits))
    if not count:
        return ""
    most, empty = facts.limits.files, "no file without a byte"
    few = empty if most is None else f"{most} files" if facts.limits.empty else f"{most} files, and {empty}"
    return (
        f"\nThe depository takes {few}: {count} of these came to it in one, {code(PACK)}. In the folder of the others, "
        f"{code(f'tar -xf {PACK}')} makes this whole again; `reproduce.sh` does so by itself.\n"
    )


def _matrix(facts: Facts) -> str:
    """All runs of a matrix, a line for each."""
    if not facts.matrix:
        return ""
    called = "".join(f" {markdown(name)} |" for name in matrix_table.names(facts.matrix))
    lines = "".join(
        f"| {line.number} |{''.join(f' {markdown(value)} |' for value in line.values)} {markdown(line.outcome)} | {markdown(line.taken)} | "
        f"{markdown(line.granted)} | {markdown(line.used)} | {code(f'outputs/{line.folder}/')} |\n"
        for line in matrix_table.lines(facts.matrix)
    )
    return (
        f"## Runs\n\nThe command was run {len(facts.matrix)} times, once with each combination of values.\n\n"
        f"| run |{called} outcome | time | granted | memory used | left |\n| --- |{' --- |' * (called.count('|') + 5)}\n{lines}"
    )


def _outputs(facts: Facts) -> str:
    ended = ""
    if facts.run and facts.run.status.outcome is not Outcome.SUCCEEDED:
        ended = f"**The run did not succeed: {facts.run.status.outcome}.**\n\n"
    made = [output for output in facts.outputs if not output.brought]
    brought = [output for output in facts.outputs if output.brought]
    texts = (
        [f"## Outputs\n\n{ended}{_listed(made) or 'The run left none.' + chr(10)}"]
        if facts.run and (made or not brought)
        else []
    )
    if brought:
        checked = "The recorded run checked them; it did not make them.\n\n" if facts.run else ""
        texts.append(f"## Brought outputs: not run by Tagstone\n\n{ended if not made else ''}{checked}{_listed(brought)}")
    return "\n".join(texts)


def _listed(outputs: list[OutputFile]) -> str:
    lines = [f"- {code(f'{folder_of(file)}/{file.path}')}, {format_bytes(file.size)}\n" for file in outputs[:_SHOWN_OUTPUTS]]
    more = len(outputs) - _SHOWN_OUTPUTS
    return "".join(lines) + (f"- and {more} more, all in `SHA256SUMS`\n" if more > 0 else "")


def _inputs(facts: Facts) -> str:
    lines = "".join(f"- {_input(given)}\n" for given in facts.source.inputs)
    return f"## Inputs\n\n{lines}" if lines else ""


def _input(given: InputFacts) -> str:
    where = address(given)
    origin = f", from {markdown(where)}" if where else ""
    licence = f", licence {markdown(given.licence)}" if given.licence else ""
    if given.copied:
        return f"{code('inputs/' + given.path)}, {format_bytes(given.size)}{origin}{licence}"
    rest = f"*not in this bundle*, sha256 {code(given.sha256)}"
    return f"{code(given.path)}, {format_bytes(given.size)}{origin}{licence}; {rest}"


def _related(facts: Facts, metadata: DepositMetadata) -> str:
    works = [work for work in metadata.related if work.identifier != facts.source.project.url]
    lines = "".join(f"- {_RELATIONS.get(work.relation, markdown(work.relation))} {markdown(work.address)}\n" for work in works)
    return f"## Related works\n\nThis work\n\n{lines}" if lines else ""


def _hardware(image: ImageFacts, run: RunFacts | None) -> str:
    if run is None:
        return ""
    lines = "".join(
        f"| {row.name} | {markdown(row.asked)} | {markdown(row.granted)} | {markdown(row.used)} |\n" for row in rows(run)
    )
    head = f"## Hardware\n\nThe image is made for {image.image.platform}.\n\n"
    return f"{head}| | asked for | granted | used |\n| --- | --- | --- | --- |\n{lines}"


def _image(image: ImageFacts) -> str:
    lines = [f"- Base: {code(base.written)}, {code(base.image.digest)}\n" for base in image.bases]
    lines += [
        f"- Packages of {code(f'{archive.address} {archive.suite}')} as they stood on {markdown(archive.date)}\n"
        for archive in image.archives
    ]
    counted = sum(package.kind != "os" for package in image.packages)
    lines += [f"- {counted} packages, listed in `sbom.cdx.json`\n"] if counted else []
    return f"## Environment\n\n{''.join(lines)}" if lines else ""


def _limits(facts: Facts, image: ImageFacts) -> str:
    return "## Limits\n\n" + "".join(f"- {note}\n" for note in _notes(facts, image))


def _notes(facts: Facts, image: ImageFacts) -> Iterator[str]:
    run = facts.run
    if facts.own_host:
        yield f"It was {' and '.join(facts.own_host)} on the publishing service's own host, as its admin allows."
    yield "The image holds the operating system and packages, not the kernel and not the processor: results that depend on those may differ."
    if not image.bundled:
        yield "The image is not in this bundle: its registry has to be there still for it to be run again."
    if _inputs_elsewhere(facts):
        yield "Inputs that are not in this bundle have to be there still for it to be run again."
    if run is None:
        return
    yield "`reproduce.sh` holds processors, memory, processes and time to what was asked for; disk it does not."
    yield "`reproduce.sh` compares the recorded outputs; files that a new run leaves beside them it does not look for."
    if tolerant(facts):
        yield "`reproduce.sh` compares bytes; `tagstone reproduce` compares values within the limits that `tagstone.yml` declares."
    if run.spec.network:
        yield "The run had the network: what it fetched is not in this bundle unless it is an output."
    if run.status.isolation is Isolation.NONE:
        yield "The recorded run was *not isolated* from its machine."
