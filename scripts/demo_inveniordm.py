"""Publishes two versions of the example to a real InvenioRDM, which comes and goes with it.

Called by `make demo DEPOSIT=inveniordm`. The server is that of the tests (tests/servers/inveniordm): its DOIs are test DOIs that
nobody else knows, and gone with it.
"""

import json
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

import demo
from servers.inveniordm.server import InvenioRDM, running_inveniordm

FOLDER = demo.DEMO / "inveniordm"
TAGS = ("v1.0.0", "v1.1.0")


def main() -> int:
    """Go through the steps; return the exit code."""
    started = time.monotonic()
    with demo.step("Debian packages and settings"):
        demo.settle()
    with demo.step("Base image debian:bookworm"):
        demo.tagstone("base-image", "debian:bookworm")
    with demo.step("A Git repository with two tags"):
        repository = make_versions(FOLDER / demo.EXAMPLE.name)
    with demo.step("A real InvenioRDM on this machine"), running_inveniordm() as server:
        connect(server)
        results = {tag: publish(repository, tag) for tag in TAGS}
        tell(server, results, time.monotonic() - started)
    return 0


def make_versions(folder: Path) -> Path:
    """The example with two tags, as a project that is new to this installation every time, as the server is."""
    demo.make_repository(folder, deposit="{to: inveniordm}", subject=f"{demo.SUBJECT} {secrets.token_hex(4)}")
    for name, before, after in (("CITATION.cff", "version: 1.0.0", "version: 1.1.0"), ("tagstone.yml", "1962", "1972")):
        path = folder / name
        text = path.read_text(encoding="utf-8")
        assert before in text, f"{name} has no {before}"
        path.write_text(text.replace(before, after), encoding="utf-8")
    demo.commit(folder, TAGS[1], "Since 1972")
    return folder


def connect(server: InvenioRDM) -> None:
    """Let the commands that follow deposit at the server by its owner's account."""
    token = FOLDER / "token"
    token.touch(mode=0o600)
    token.write_text(server.owner.token, encoding="utf-8")
    site = {"url": server.url, "token_file": str(token), "owner": server.owner.address, "open": True, "registered": False}
    os.environ["TAGSTONE_DEPOSITORIES"] = json.dumps({"inveniordm": site})


def publish(repository: Path, tag: str) -> dict[str, object]:
    """Publish a tag; returns what came out."""
    with demo.step(f"tagstone publish {repository.relative_to(demo.ROOT)} --tag {tag}"):
        result: dict[str, object] = json.loads(demo.tagstone("publish", str(repository), "--tag", tag, "--json"))
    return result


def tell(server: InvenioRDM, results: dict[str, dict[str, object]], seconds: float) -> None:
    """Say for people, and in `.demo/inveniordm/result.json` for programs, what was published."""
    concepts = {str(result["concept_doi"]) for result in results.values()}
    assert len(concepts) == 1, f"two versions, but of {len(concepts)} series"
    (FOLDER / "result.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(f"\nDone in {seconds:.0f} s, at the InvenioRDM on {server.url}:\n")
    for tag, result in results.items():
        print(f"  {tag:<12} {result['doi']}")
    print(f"  {'all versions':<12} {concepts.pop()}")
    print("\nThese are test DOIs of a server on this machine that ends now: they resolve nowhere.")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        # The program that failed has said why.
        sys.exit(error.returncode)
