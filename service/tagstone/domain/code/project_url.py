"""A project's address without what changes: credentials, scheme, ssh ports, `.git`."""

import re
from urllib.parse import quote, urlsplit

_SCP = re.compile(r"(?:[^@/\s]+@)?([A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:]+\]):(?!//)(.+)")
_PORTS = {"http": 80, "https": 443}
_TAGS = {"github.com": "/tree/", "codeberg.org": "/src/tag/", "bitbucket.org": "/src/"}
"""Where forges show the files of a tag; a GitLab of whatever host is known by its name."""
_SCHEMES = ("http", "https", "ssh", "git", "git+ssh", "ssh+git", "git+https")


def normalised(url: str) -> str | None:
    """`host[:port]/path` for any way of writing a remote repository's address; None for a path of this machine.

    The https, ssh and scp forms of one address give one answer. A port stays only where it is not the scheme's own and
    the scheme is HTTP: forges answer ssh at another port than https.
    """
    text = url.strip()
    scheme, host, port, path = _parts(text)
    if not host or scheme not in _SCHEMES or re.search(r"[\x00-\x20\x7f]", text):
        return None
    shown = f"{host}:{port}" if port and scheme in _PORTS and port != _PORTS[scheme] else host
    path = re.sub(r"/{2,}", "/", path).strip("/").removesuffix(".git").rstrip("/")
    return f"{shown}/{path}" if path else None


def _parts(text: str) -> tuple[str, str, int | None, str]:
    if "://" not in text:
        scp = _SCP.fullmatch(text)
        return ("ssh", scp[1].lower(), None, scp[2]) if scp else ("", "", None, "")
    try:
        parts = urlsplit(text)
        return parts.scheme.lower(), (parts.hostname or "").lower(), parts.port, parts.path
    except ValueError:
        return "", "", None, ""


def tag_page(url: str, tag: str) -> str | None:
    """The page that shows a project's files at a tag; None where the forge is not known by its host's name."""
    scheme, host, _, path = _parts(url)
    between = _TAGS.get(host, "/-/tree/" if "gitlab" in host else None)
    if scheme not in _PORTS or between is None or not path.strip("/"):
        return None
    return url.rstrip("/").removesuffix(".git") + between + quote(tag, safe="/")
