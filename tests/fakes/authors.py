"""One author's hands for both forges: the fake, and the git command line on real repositories."""

import shutil
import subprocess
from pathlib import Path
from typing import Protocol

from fakes.forge import FakeForge
from tagstone.adapters.git import GitForge
from tagstone.ports import Forge

WHO = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "HOME": "/nonexistent",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
}


class Author(Protocol):
    """What a person does in a repository."""

    @property
    def forge(self) -> Forge:
        """Where the repositories live."""
        ...

    def create(self, name: str, files: dict[str, bytes], origin: str | None = None) -> str: ...
    def write(self, location: str, files: dict[str, bytes]) -> None: ...
    def link(self, location: str, path: str, target: str) -> None: ...
    def make_executable(self, location: str, path: str) -> None: ...
    def add_submodule(self, location: str, path: str) -> None: ...
    def commit(self, location: str) -> str: ...
    def tag(self, location: str, name: str, *, annotated: bool = False) -> None: ...
    def move(self, location: str) -> str: ...


class FakeAuthor:
    """Works in the fake forge."""

    def __init__(self) -> None:
        self.forge = FakeForge()

    def create(self, name: str, files: dict[str, bytes], origin: str | None = None) -> str:
        self.forge.create(f"/projects/{name}", files, origin)
        return f"/projects/{name}"

    def write(self, location: str, files: dict[str, bytes]) -> None:
        self.forge.repositories[location].files.update(files)

    def link(self, location: str, path: str, target: str) -> None:
        self.forge.repositories[location].links[path] = target

    def make_executable(self, location: str, path: str) -> None:
        self.forge.repositories[location].executables.add(path)

    def add_submodule(self, location: str, path: str) -> None:
        self.forge.repositories[location].submodules[path] = "1" * 40

    def commit(self, location: str) -> str:
        return self.forge.commit(location).sha

    def tag(self, location: str, name: str, *, annotated: bool = False) -> None:
        self.forge.tag(location, name, "Ada" if annotated else None)

    def move(self, location: str) -> str:
        self.forge.move(location, location + "-moved")
        return location + "-moved"


class GitAuthor:
    """Works with git in real folders."""

    def __init__(self, folder: Path) -> None:
        self.forge = GitForge()
        self.folder = folder

    def git(self, location: str, *arguments: str, stdin: bytes = b"", env: dict[str, str] | None = None) -> str:
        done = subprocess.run(
            ["git", "-C", location, *arguments], check=True, capture_output=True, input=stdin, env=WHO | (env or {})
        )
        return done.stdout.decode("utf-8", "surrogateescape").strip()

    def create(self, name: str, files: dict[str, bytes], origin: str | None = None) -> str:
        location = str(self.folder / name)
        self.git(str(self.folder), "init", "-q", "-b", "main", location)
        if origin:
            self.git(location, "remote", "add", "origin", origin)
        self.write(location, files)
        return location

    def write(self, location: str, files: dict[str, bytes]) -> None:
        for path, content in files.items():
            target = Path(location, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    def link(self, location: str, path: str, target: str) -> None:
        Path(location, path).symlink_to(target)

    def make_executable(self, location: str, path: str) -> None:
        Path(location, path).chmod(0o755)

    def add_submodule(self, location: str, path: str) -> None:
        self.git(location, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},{path}")
        Path(location, path).mkdir()

    def commit(self, location: str) -> str:
        self.git(location, "add", "-A", "--", ".")
        self.git(location, "commit", "-q", "--allow-empty", "-m", "a commit")
        return self.git(location, "rev-parse", "HEAD")

    def tag(self, location: str, name: str, *, annotated: bool = False) -> None:
        how = ["-a", "-m", "a tag"] if annotated else []
        self.git(location, "tag", "-f", *how, name)

    def move(self, location: str) -> str:
        shutil.move(location, location + "-moved")
        return location + "-moved"
