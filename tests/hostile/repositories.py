"""Hostile Git repositories, made with Git's own plumbing or past it."""

import os
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

from assets.hostile import texts
from fakes.authors import WHO, GitAuthor
from hostile.judge import Place

FILES = {
    "tagstone.yml": texts.MANIFEST.encode(),
    "CITATION.cff": texts.CITATION.encode(),
    "LICENSE": b"MIT License\n\nPermission is hereby granted, free of charge, to any person\n",
    "analysis.py": b"print('wobble')\n",
}
HOOKS = ("post-index-change", "pre-commit", "reference-transaction", "post-commit", "pre-auto-gc", "post-checkout", "update")
PLAIN = (
    "core.pager core.sshCommand core.editor core.alternateRefsCommand core.gitProxy filter.evil.process "
    "diff.evil.textconv diff.external gpg.program gpg.x509.program sequence.editor core.askPass"
)


class Repository:
    """A sound project in `work/project` with the tag v1, to be spoilt."""

    def __init__(self, place: Place, files: dict[str, bytes] | None = None) -> None:
        self.place = place
        self.author = GitAuthor(place.work)
        self.path = self.author.create("project", FILES if files is None else files)
        if files is None or files:
            self.author.commit(self.path)
            self.author.tag(self.path, "v1")

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        return self.author.git(self.path, *arguments, stdin=stdin)

    def write(self, kind: str, raw: bytes) -> str:
        """An object of any bytes."""
        return self.git("hash-object", "-t", kind, "-w", "--literally", "--stdin", stdin=raw)

    def blob(self, content: bytes = b"x") -> str:
        return self.write("blob", content)

    def point(self, target: str, tag: str = "v1") -> None:
        """Let a tag stand for an object."""
        self.git("update-ref", f"refs/tags/{tag}", target)

    def tree(self, *entries: tuple[str, bytes, str]) -> str:
        """A tree of (mode, name, object id), as they are."""
        return self.write(
            "tree", b"".join(f"{mode} ".encode() + name + b"\0" + bytes.fromhex(sha) for mode, name, sha in entries)
        )

    def commit_tree(self, tree: str) -> None:
        """Let v1 stand for a commit of a tree."""
        self.point(self.git("commit-tree", tree, stdin=b"x\n"))

    def add_to_tree(self, *entries: tuple[str, bytes, str]) -> None:
        """Let v1 stand for the sound project with more entries, whatever their names."""
        lines = self.git("ls-tree", "HEAD").splitlines()
        sound = [(line.split()[0], line.split("\t")[1].encode(), line.split()[2]) for line in lines]
        self.commit_tree(self.tree(*sorted([*sound, *entries], key=lambda entry: entry[1])))

    def annotate(self, text: str, name: str = "v1") -> None:
        """A tag object of any text, `{sha}` being the commit."""
        self.point(self.write("tag", text.format(sha=self.git("rev-parse", "HEAD")).encode("utf-8", "surrogateescape")), name)

    def loose(self, name: str) -> Path:
        """The file of an object."""
        sha = self.git("rev-parse", name)
        path = Path(self.path, ".git", "objects", sha[:2], sha[2:])
        path.chmod(0o644)
        return path

    def forge(self, name: str, kind: str, content: bytes) -> None:
        """Put other content where an object is."""
        self.loose(name).write_bytes(zlib.compress(f"{kind} {len(content)}\0".encode() + content))


Change = Callable[[Repository], object]


def changed(change: Change, place: Place) -> str:
    """A sound repository, spoilt: its path."""
    repository = Repository(place)
    change(repository)
    return repository.path


def set_traps(repository: Repository) -> None:
    """Let everything that Git may be told to run make the canary, also by a file that is included."""
    command = f"touch {repository.place.canary}"
    shell = {
        "core.fsmonitor": f"{command}; false",
        "filter.evil.clean": f"{command}; cat",
        "filter.evil.smudge": f"{command}; cat",
    }
    others = {
        "log.showSignature": "true",
        "alias.ls-tree": f"!{command}",
        "credential.helper": f"!{command}",
        "protocol.ext.allow": "always",
        "remote.origin.url": f"ext::sh -c '{command}'",
        "remote.origin.promisor": "true",
        "extensions.partialClone": "origin",
    }
    included = Path(repository.path, "included")
    with included.open("w") as config:
        for key, value in (shell | dict.fromkeys(PLAIN.split(), command) | others).items():
            section, _, name = key.rpartition(".")
            first, _, rest = section.partition(".")
            config.write(f'[{first} "{rest}"]\n' if rest else f"[{first}]\n")
            config.write(f'\t{name} = "{value}"\n')
    with Path(repository.path, ".git", "config").open("a") as config:
        config.write(included.read_text() + "[include]\n\tpath = ../included\n")
    Path(repository.path, ".gitattributes").write_text("* filter=evil diff=evil text eol=crlf\n")
    for hook in HOOKS:
        path = Path(repository.path, ".git", "hooks", hook)
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{command}\n")
        path.chmod(0o755)


def many_files(count: int) -> Change:
    """A commit of that many files, all of one content."""

    def change(repository: Repository) -> None:
        stream = b"blob\nmark :1\ndata 1\nx\ncommit refs/heads/many\ncommitter A <a> 1700000000 +0000\ndata 1\nx\nfrom refs/heads/main\n"
        stream += b"".join(b"M 100644 :1 many/%d/%d\n" % (number % 100, number) for number in range(count))
        repository.git("fast-import", "--quiet", stdin=stream)
        repository.point(repository.git("rev-parse", "many"))

    return change


def large_file(path: str, size: int) -> Change:
    """A commit whose file has that many zeros."""

    def change(repository: Repository) -> None:
        with Path(repository.path, path).open("wb") as file:
            file.truncate(size)
        subprocess.run(
            ["git", "-C", repository.path, "-c", "core.bigFileThreshold=1", "add", path],
            env=WHO,
            check=True,
            capture_output=True,
        )
        repository.git("commit", "-q", "-m", "large")
        repository.author.tag(repository.path, "v1")

    return change


def many_tags(count: int) -> Change:
    """So many packed tags."""

    def change(repository: Repository) -> None:
        sha = repository.git("rev-parse", "HEAD")
        lines = "".join(f"{sha} refs/tags/t{number:06}\n" for number in range(count))
        Path(repository.path, ".git", "packed-refs").write_text("# pack-refs with: peeled fully-peeled sorted \n" + lines)

    return change


def pipe(path: str) -> Change:
    """A pipe where Git looks for a file."""

    def change(repository: Repository) -> None:
        target = Path(repository.path, path)
        target.unlink(missing_ok=True)
        os.mkfifo(target)

    return change
