"""Templates, and the small words they use. Everything is escaped; links go only where a link may go."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from urllib.parse import quote, urlsplit

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from tagstone import __version__
from tagstone.domain.deposits.deposit import Creator
from tagstone.domain.manifests.values import RELATIONS
from tagstone.domain.runs.hardware import format_bytes, format_seconds
from tagstone.web.static_files import version

_ORCID = re.compile(r"[0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{3}[0-9X]")
_DOI = re.compile(r"10\.[0-9]{4,9}/\S{1,200}")
_SWHID = re.compile(r"swh:1:(?:cnt|dir|rev|rel|snp):[0-9a-f]{40}")
_CODE = re.compile(r"`([^`\n]{1,200})`")
_SPDX = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]{0,63}")


class Rendering:
    """Renders templates; `root` is the path that this server is reached under (empty for a host of its own).

    `accounts` says whether people sign in here, `asking` whether they may ask for registrations.
    """

    def __init__(self, root: str, *, accounts: bool = False, asking: bool = False) -> None:
        self._root = root
        self._accounts = accounts
        self._asking = asking

    def page(
        self, template: str, context: Mapping[str, object], status: int = 200, headers: Mapping[str, str] | None = None
    ) -> HTMLResponse:
        """The page as an answer."""
        text = self.part(template, context)
        # A lone surrogate (from a file name) is no character of UTF-8: shown as a question mark, not as a broken page.
        return HTMLResponse(text.encode("utf-8", "replace"), status, dict(headers or {}))

    def part(self, template: str, context: Mapping[str, object]) -> str:
        """A piece of a page as text."""
        return (
            _templates().get_template(template).render(context, root=self._root, accounts=self._accounts, asking=self._asking)
        )


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("tagstone.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    templates.globals |= {"tagstone_version": __version__, "static": _static}
    templates.filters |= {"bytes": format_bytes, "seconds": format_seconds, "moment": moment, "day": day, "iso": iso}
    templates.filters |= {"link": http_link, "path": quote_path, "orcid": orcid, "spdx": spdx, "person": person, "codes": codes}
    templates.filters |= {"relation": relation, "identifier_link": identifier_link, "swhid": swhid, "paragraphs": paragraphs}
    return templates


def _static(name: str) -> str:
    return f"static/{name}?v={version(name)}"


def moment(seconds: float) -> str:
    """A time for people, to the minute, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def day(seconds: float) -> str:
    """The day of a time, ISO 8601, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def iso(seconds: float) -> str:
    """A time for programs, ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def http_link(text: str | None) -> str | None:
    """The text when it is a web address that may become a link, else None: `javascript:` and its kin may not."""
    try:
        parts = urlsplit(text or "")
    except ValueError:
        return None
    return text if parts.scheme in ("http", "https") and parts.hostname else None


def quote_path(path: str) -> str:
    """A file's path as part of a URL."""
    return quote(path, safe="/", errors="replace")


def orcid(text: str | None) -> str | None:
    """The ORCID iD when it looks like one, else None."""
    return text if text and _ORCID.fullmatch(text) else None


def spdx(text: str) -> str | None:
    """The address that explains an SPDX licence identifier, or None when the text is none."""
    return f"https://spdx.org/licenses/{text}.html" if _SPDX.fullmatch(text) else None


_RELATIONS = {word: name.replace("-", " ") for name, word in RELATIONS.items()}


def relation(word: str) -> str:
    """A relation of DataCite's for people."""
    return _RELATIONS.get(word, word)


def identifier_link(text: str, scheme: str) -> str | None:
    """The address of a related work, or None when it has none that may become a link."""
    if scheme == "arxiv":
        return f"https://arxiv.org/abs/{quote_path(text)}"
    return f"https://doi.org/{quote_path(text)}" if scheme == "doi" and _DOI.fullmatch(text) else http_link(text)


def swhid(text: str) -> str | None:
    """The Software Heritage identifier when it is a core one (SWHID 1.2), else None."""
    return text if _SWHID.fullmatch(text) else None


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a text: blank lines part them, other line ends are the author's editor's."""
    return [paragraph for paragraph in re.split(r"\n\s*\n", text.strip()) if paragraph]


def person(creator: Creator) -> str:
    """A name as people say it: given name first."""
    return f"{creator.given} {creator.family}" if creator.given and creator.family else creator.name


def codes(text: str) -> Markup:
    """The text escaped, what stands between backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704  # escaped before anything is added
