"""The texts of proposed files: plain YAML that a person goes on to edit."""

import json
import re
from collections.abc import Sequence

from tagstone import __version__

PIPELINE = ".gitlab-ci.yml"
REQUIREMENTS = "requirements.txt"
TEMPLATE = "ci-templates/tagstone.yml"
_BARE = re.compile(r"[A-Za-z./_-][A-Za-z0-9./_*=+@-]*")
_WORDS = re.compile(r"(?:true|false|null|yes|no|on|off|~|\.inf|\.nan|-+)", re.IGNORECASE)
_BREAKS = {"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def manifest_text(
    environment: Sequence[str] | None, pip: str | None, command: Sequence[str], outputs: Sequence[str], notes: dict[str, str]
) -> str:
    """A tagstone.yml; `environment` are Debian packages (None: no such key), `notes` say beside a key where it comes from."""
    lines = ["# Proposed by `tagstone init` from what this repository says: look it through."]
    if environment is not None:
        lines += [_key("environment", notes), "  base: debian:bookworm"]
        lines += [f"  apt: {_flow(environment)}"] if environment else []
        lines += [f"  pip: {_word(pip)}"] if pip else []
    elif "environment" in notes:
        lines.append(f"# environment: {_comment(notes['environment'])}")
    if command:
        escaped = [re.sub(r"\{([A-Za-z_][A-Za-z0-9_]*)\}", r"{{\1}}", word) for word in command]
        lines += [_key("run", notes), f"  command: {_flow(escaped)}"]
        lines += ["  resources: {cpu: 1, memory: 2Gi, disk: 10Gi, time: 1h}", f"outputs: {_flow(outputs)}"]
    return "\n".join(lines if environment is not None or command else [*lines, "{}"]) + "\n"


def pipeline_text(project: str) -> str:
    """The lines of a .gitlab-ci.yml that take in the templates, as they are in this version of Tagstone."""
    return f"include:\n  - project: {_word(project)}\n    ref: v{__version__}\n    file: /{TEMPLATE}\n"


def requirements_text(lines: Sequence[str]) -> str:
    """A requirements.txt of these packages, whose versions only the author knows."""
    return "# Proposed by `tagstone init` from imports: write the versions that you used, NAME==VERSION.\n" + "".join(
        f"{line}\n" for line in lines
    )


def _key(name: str, notes: dict[str, str]) -> str:
    return f"{name}:" + (f"  # {_comment(notes[name])}" if notes.get(name) else "")


def _comment(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)[:200]


def _flow(words: Sequence[str]) -> str:
    return "[" + ", ".join(_word(word) for word in words) + "]"


def _word(text: str | None) -> str:
    text = text or ""
    if _BARE.fullmatch(text) and not _WORDS.fullmatch(text) and not re.fullmatch(r"[-+.0-9eE_]+", text):
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(_BREAKS.get(character, character) for character in quoted)
