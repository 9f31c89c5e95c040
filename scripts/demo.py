"""Publishes the example on this machine, from nothing; run again, it finds everything done.

Called by `make demo`, which has made `.venv` before. Everything it makes lies under `.demo/`, and the settings that
`tagstone` finds again afterwards in `.venv/etc/tagstone.env`.
"""

import json
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / ".demo"
EXAMPLE = ROOT / "examples" / "chandler-wobble"
TAGSTONE = ROOT / ".venv" / "bin" / "tagstone"
SETTINGS = ROOT / ".venv" / "etc" / "tagstone.env"
TAG = "v1.0.0"
SUBJECT = "The Chandler wobble since 1962"
EXPECTED = ("publication", "doi", "image", "bundle", "record_url", "outputs")
# Equal author, date and files make an equal commit: what is published here has the same image digest everywhere.
GIT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "The Tagstone developers",
    "GIT_AUTHOR_EMAIL": "tagstone@example.org",
    "GIT_AUTHOR_DATE": "2026-11-21T12:00:00+00:00",
    "GIT_COMMITTER_NAME": "The Tagstone developers",
    "GIT_COMMITTER_EMAIL": "tagstone@example.org",
    "GIT_COMMITTER_DATE": "2026-11-21T12:00:00+00:00",
}


def main() -> int:
    """Go through the steps; return the exit code."""
    started = time.monotonic()
    with step("Debian packages and settings"):
        settle()
    with step("Base image debian:bookworm"):
        tagstone("base-image", "debian:bookworm")
    with step("A Git repository with a tag"):
        repository = make_repository(DEMO / EXAMPLE.name)
    with step(f"tagstone publish {repository.relative_to(ROOT)} --tag {TAG}"):
        result = json.loads(tagstone("publish", str(repository), "--tag", TAG, "--json"))
    missing = [key for key in EXPECTED if not result.get(key)]
    if missing:
        print(f"The publication's result lacks {', '.join(missing)}.", file=sys.stderr)
        return 1
    write_result(result)
    tell(result, time.monotonic() - started)
    return 0


def settle() -> None:
    """Make sure that there is an engine to build and run with, and settings that name it."""
    engine = docker_settings() if os.geteuid() != 0 else {}
    if not engine:
        subprocess.run([ROOT / "scripts" / "install-debian", "engines"], check=True)
    write_settings(engine)


def write_settings(engine: dict[str, str]) -> None:
    """Write the installation's settings, unless somebody has written some."""
    if SETTINGS.exists():
        return
    lines = {"TAGSTONE_HOME": str(DEMO / "home"), **engine}
    # Behind a site that opens TLS, builds need its CA; whoever has one says so in one of these.
    authority = os.environ.get("SSL_CERT_FILE") or os.environ.get("PIP_CERT")
    if authority:
        lines["TAGSTONE_BUILDS__SITE_CA"] = authority
    SETTINGS.parent.mkdir(parents=True, exist_ok=True)
    SETTINGS.write_text("".join(f"{name}={value}\n" for name, value in lines.items()), encoding="utf-8")


def docker_settings() -> dict[str, str]:
    """What a person without root sets to use the Docker Engine they may reach; empty when they may reach none."""
    address = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    path = Path(address.removeprefix("unix://"))
    if not (
        address.startswith("unix://") and path.exists() and stat.S_ISSOCK(path.stat().st_mode) and os.access(path, os.W_OK)
    ):
        return {}
    return {"TAGSTONE_BUILDS__BUILDER": "docker", "TAGSTONE_RUNS__ENGINE": "docker", "TAGSTONE_RUNS__SOCKET": address}


def make_repository(folder: Path, deposit: str = "{to: local}", subject: str = SUBJECT) -> Path:
    """Copy the example into a repository of its own with one commit and one tag, the same every time for the same subject."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("results", "__pycache__"))
    manifest = folder / "tagstone.yml"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace("{to: local}", deposit), encoding="utf-8")
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, TAG, subject)
    return folder


def commit(folder: Path, tag: str, subject: str) -> None:
    """Commit what is there, and tag it."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", f"--message={subject}")
    git(folder, "tag", "--annotate", f"--message=Version {tag}", tag)


def git(folder: Path, *arguments: str) -> None:
    """Run git as nobody in particular."""
    subprocess.run(["git", "-C", str(folder), "-c", "core.autocrlf=false", *arguments], check=True, env=os.environ | GIT)


def write_result(result: dict[str, object]) -> None:
    """Leave what came out in `.demo/result.json`, whole or not at all."""
    target = DEMO / "result.json"
    half = target.with_suffix(".json.half")
    half.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    half.replace(target)


def tell(result: dict[str, object], seconds: float) -> None:
    """Say for people what there is now, and what to do with it."""
    print(f"\nDone in {seconds:.0f} s. In .demo/result.json for programs:\n")
    for key in EXPECTED:
        value = result[key]
        entries = value if isinstance(value, list) else [value]
        for name, entry in zip([key, *[""] * len(entries)], entries, strict=False):
            print(f"  {name:<12} {entry.get('path', entry) if isinstance(entry, dict) else entry}")
    print("\nLook at the page:     .venv/bin/tagstone serve     and open", result["record_url"])
    print("Run it again:         .venv/bin/tagstone reproduce", result["publication"])
    print("Check every byte:     .venv/bin/tagstone verify", result["publication"])


def tagstone(*arguments: str) -> str:
    """Run tagstone, its progress shown as it comes, and return what it printed for programs."""
    done = subprocess.run([TAGSTONE, *arguments], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, check=True)
    return done.stdout


@contextmanager
def step(title: str) -> Iterator[None]:
    """Say what is done, and how long it took."""
    started = time.monotonic()
    print(f"== {title}", file=sys.stderr, flush=True)
    yield
    print(f"   {time.monotonic() - started:.1f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        # The program that failed has said why.
        sys.exit(error.returncode)
