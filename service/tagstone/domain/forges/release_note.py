"""What a release page says of a publication: DOI, record, image and bundle, as Markdown and as links."""

import re

from tagstone.domain.forges.dotenv import is_plain
from tagstone.domain.forges.remote import Link
from tagstone.domain.publications.outside_view import OutsideView

_DOIS = "https://doi.org/"
_TESTS = "10.5072/"  # DataCite's prefix for tests, which folders of ours and sandboxes use
_ADDRESS = re.compile(r"https://|http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]+)?/")


def release_note(view: OutsideView) -> str:
    """The description's part about a publication. What has other characters than addresses and identifiers is left out."""
    lines = []
    if view.doi and is_plain(view.doi):
        lines.append(
            f"Published as [{view.doi}]({_DOIS}{view.doi})."
            if _resolves(view.doi)
            else f"Published under the test identifier `{view.doi}`, which is not registered."
        )
    if view.concept_doi and is_plain(view.concept_doi) and _resolves(view.concept_doi):
        lines.append(f"All versions: [{view.concept_doi}]({_DOIS}{view.concept_doi}).")
    if view.record and _is_address(view.record):
        lines.append(f"[The record]({view.record}) has code, outputs and image.")
    if view.image and is_plain(view.image):
        lines.append(f"Image: `{view.image}`")
    return "\n\n".join(lines)


def release_links(view: OutsideView) -> tuple[Link, ...]:
    """The release's links: DOI where it resolves, record, where the record says how its image is run, and its bundle."""
    links = []
    if view.doi and is_plain(view.doi) and _resolves(view.doi):
        links.append(Link("DOI", f"{_DOIS}{view.doi}"))
    if view.record and _is_address(view.record):
        links.append(Link("Record", view.record))
        if view.image:
            links.append(Link("Image", f"{view.record}#again", "image"))
        links.append(Link("Bundle", f"{view.record}/bundle.tar", "package"))
    return tuple(links)


def _resolves(doi: str) -> bool:
    return not doi.startswith(_TESTS)


def _is_address(text: str) -> bool:
    return is_plain(text) and _ADDRESS.match(text) is not None
