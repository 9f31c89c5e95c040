"""What a journal asks for: a paragraph on the availability of code and data, and the line of AAS journals that names software."""

from tagstone.domain.citations.citing import NOT_REGISTERED, citation_key, identifier, tex_text
from tagstone.domain.citations.citing_formats import plain
from tagstone.domain.deposits.deposit import Deposit, DepositMetadata
from tagstone.domain.publications.record import Facts
from tagstone.domain.runs.hardware import format_bytes
from tagstone.domain.runs.run import OutputFile

_NAMED_INPUTS = 10


def availability(facts: Facts, metadata: DepositMetadata, deposit: Deposit) -> str:
    """The paragraph, and where there is more than one version where all of them are."""
    place = identifier(deposit)
    code = f"The code of {plain(metadata.title)}, version {plain(metadata.version)}"
    code += f" (commit {facts.source.commit.sha[:12]}), is archived at {place}{_licence(metadata)}."
    if facts.image is not None:
        code += f" The record holds the container image ({facts.image.image.digest}) that the code runs in."
    data = " ".join(part for part in (_outputs(facts, place), _inputs(facts)) if part)
    lines = [f"Code availability. {code}", f"Data availability. {data}" if data else ""]
    if deposit.concept_doi:
        link = f"https://doi.org/{deposit.concept_doi}" if deposit.registered else f"doi:{deposit.concept_doi}"
        note = "" if deposit.registered else f" ({NOT_REGISTERED})"
        lines.append(f"All versions: {link}{note}. It leads to the newest one; cite the version that was used, as above.")
    return "\n\n".join(line for line in lines if line)


def software_line(metadata: DepositMetadata) -> str:
    r"""The `\software{}` line of AAS journals, by the key of the BibTeX entry."""
    return rf"\software{{{tex_text(metadata.title)} {tex_text(metadata.version)} \citep{{{citation_key(metadata)}}}}}"


def _licence(metadata: DepositMetadata) -> str:
    return f" under the licence {' or '.join(metadata.licences)}" if metadata.licences else ""


def _outputs(facts: Facts, place: str) -> str:
    made = [output for output in facts.outputs if not output.brought]
    brought = [output for output in facts.outputs if output.brought]
    sentences = []
    if made:
        sentences.append(f"{_files(made)} made by this code in this image {_are(made)} archived at {place}.")
    if brought:
        sentences.append(f"{_files(brought)} made elsewhere (not run by Tagstone) {_are(brought)} archived at {place}.")
    return " ".join(sentences)


def _files(files: list[OutputFile]) -> str:
    number = len(files)
    size = format_bytes(sum(file.size for file in files))
    return f"{number} file{'' if number == 1 else 's'} ({size})"


def _are(files: list[OutputFile]) -> str:
    return "is" if len(files) == 1 else "are"


def _inputs(facts: Facts) -> str:
    places = list(dict.fromkeys(f"https://doi.org/{file.doi}" if file.doi else file.source for file in facts.source.inputs))
    if not places:
        return ""
    more = len(places) - _NAMED_INPUTS
    named = ", ".join(plain(place) for place in places[:_NAMED_INPUTS]) + (f" and {more} more" if more > 0 else "")
    return f"Inputs were taken from {named}."
