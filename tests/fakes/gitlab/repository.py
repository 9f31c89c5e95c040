"""Real bare Git repositories, and Git over HTTP through Git's own CGI program."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "HOME": "/nonexistent",
    "LC_ALL": "C",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
}
_FIELDS = (
    "%(refname:strip=2)",
    "%(objectname)",
    "%(objecttype)",
    "%(*objectname)",
    "%(creatordate:unix)",
    "%(committerdate:unix)%(*committerdate:unix)",
    "%(authorname)%(*authorname)",
    "%(authoremail:trim)%(*authoremail:trim)",
    "%(subject)",
    "%(*subject)",
)
_FORMAT = "%00".join(_FIELDS)


@dataclass(frozen=True)
class BareRepository:
    """One project's repository at `folder`."""

    folder: Path

    @staticmethod
    def create(folder: Path) -> "BareRepository":
        """An empty one that lets any object be asked for by its id, as GitLab's do [src: gitaly's git configuration]."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        repository = BareRepository(folder)
        subprocess.run(
            ["git", "init", "-q", "--bare", "-b", "main", str(folder)], check=True, capture_output=True, env=_ENVIRONMENT
        )
        with (folder / "config").open("a", encoding="utf-8") as config:
            config.write("[uploadpack]\nallowAnySHA1InWant = true\nallowFilter = true\n[http]\nreceivepack = true\n")
        return repository

    def git(self, *arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> str:
        """Run git here; what it prints."""
        done = subprocess.run(
            ["git", "-C", str(self.folder), *arguments],
            check=True,
            capture_output=True,
            input=stdin,
            env=_ENVIRONMENT | dict(env or {}),
        )
        return done.stdout.decode("utf-8", "surrogateescape").strip()

    def commit(self, files: Mapping[str, bytes], message: str, author: tuple[str, str], when: float) -> str:
        """Commit these files, and what `main` had already; the commit's id."""
        name, email = author
        lines = [
            "commit refs/heads/main",
            f"committer {name} <{email}> {int(when)} +0000",
            f"data {len(message.encode())}",
            message,
        ]
        if (self.folder / "refs" / "heads" / "main").exists():
            lines.append("from refs/heads/main^0")
        stream = [("\n".join(lines) + "\n").encode()]
        for path, content in files.items():
            stream += [f"M 100644 inline {path}\ndata {len(content)}\n".encode(), content, b"\n"]
        self.git("fast-import", "--quiet", "--date-format=raw", stdin=b"".join(stream))
        return self.commit_of("refs/heads/main")

    def tag(self, name: str, target: str, message: str | None, author: tuple[str, str], when: float) -> None:
        """Set a tag, moving one that is there; annotated where there is a message."""
        how = ["-a", "-m", message] if message else []
        self.git("tag", "-f", *how, "--", name, target, env=_who(author, when))

    def refs(self) -> dict[str, str]:
        """Every ref with the object it names."""
        lines = self.git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        parted = (line.partition(" ") for line in lines)
        return {name: sha for name, _, sha in parted}

    def commit_of(self, name: str) -> str:
        """The commit a name stands for; raises CalledProcessError where there is none."""
        return self.git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")

    def tags(self) -> list[dict[str, Any]]:
        """Every tag as the API shows it, the newest first [doc: tags.md]."""
        listed = self.git("for-each-ref", "--sort=-creatordate", f"--format={_FORMAT}", "refs/tags")
        return [_tag(line.split("\0")) for line in listed.splitlines()]


def _who(author: tuple[str, str], when: float) -> dict[str, str]:
    name, email = author
    names = {f"GIT_{role}_NAME": name for role in ("AUTHOR", "COMMITTER")}
    emails = {f"GIT_{role}_EMAIL": email for role in ("AUTHOR", "COMMITTER")}
    return names | emails | {f"GIT_{role}_DATE": f"{int(when)} +0000" for role in ("AUTHOR", "COMMITTER")}


def _tag(facts: list[str]) -> dict[str, Any]:
    name, target, kind, peeled, made, committed, author, email, subject, tagged = facts
    annotated = kind == "tag"
    sha = peeled if annotated else target
    when, title = _iso(committed), tagged if annotated else subject
    return {
        "name": name,
        "target": target,
        "message": subject if annotated else None,
        "created_at": _iso(made) if annotated else None,
        "commit": {
            "id": sha,
            "short_id": sha[:8],
            "title": title,
            "message": title,
            "created_at": when,
            "authored_date": when,
            "committed_date": when,
            "author_name": author,
            "author_email": email,
            "committer_name": author,
            "committer_email": email,
        },
    }


def _iso(seconds: str) -> str:
    return datetime.fromtimestamp(int(seconds or 0), UTC).isoformat(timespec="milliseconds")


def answer_git(folder: Path, environment: Mapping[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
    """Hand a question to `git http-backend`: the status, headers and body that it answers, refusals in the body as well."""
    known = {"GIT_PROJECT_ROOT": str(folder.parent), "GIT_HTTP_EXPORT_ALL": "1", "CONTENT_LENGTH": str(len(body))}
    done = subprocess.run(
        ["git", "http-backend"], input=body, capture_output=True, env=_ENVIRONMENT | known | dict(environment), check=False
    )
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    pairs = (line.partition(": ") for line in head.decode("latin-1").split("\r\n"))
    headers = {name: value for name, _, value in pairs}
    status = int(headers.pop("Status", "200 OK").split()[0])
    return status, headers, content
