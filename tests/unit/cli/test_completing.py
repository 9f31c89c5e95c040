"""Pressing Tab where a publication is meant."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tagstone.cli.completing import publications
from tagstone.home import home
from tagstone.store.names import names

TAGSTONE = Path(sys.executable).parent / "tagstone"


@pytest.fixture
def environment(installation, monkeypatch):
    """An installation with two publications, one of them with a name that is made for shells, as the environment says it."""
    monkeypatch.setenv("TAGSTONE_HOME", str(installation.home))
    first = installation.publication()
    with installation.sessions.write() as session:
        from tagstone.store import publications as rows

        row = rows.get(session, first)
        row.title = "$(touch /tmp/owned)"
    installation.publication(id="pffffffffffffffff", ref="$(touch${IFS}owned)", state="failed", commit="f" * 40)
    return os.environ | {"TAGSTONE_HOME": str(installation.home), "PATH": f"{TAGSTONE.parent}:{os.environ['PATH']}"}


def test_tags_and_ids_are_offered_with_what_they_are(environment, installation):
    offered = dict(publications("v1"))
    assert set(offered) == {"v1.0.0"}
    assert offered["v1.0.0"].startswith("published p")
    assert dict(publications("pfff")) == {"pffffffffffffffff": "failed"}


def test_names_that_a_shell_would_read_are_never_offered(environment):
    assert all("$" not in name + about for name, about in publications(""))


@pytest.mark.parametrize("content", [None, b"", b"nonsense" * 1000])
def test_without_a_database_nothing_is_offered_and_nothing_made(tmp_path, monkeypatch, content):
    monkeypatch.setenv("TAGSTONE_HOME", str(tmp_path / "home"))
    if content is not None:
        (tmp_path / "home").mkdir()
        (tmp_path / "home" / "tagstone.sqlite").write_bytes(content)
    before = sorted(tmp_path.rglob("*"))
    assert publications("") == []
    assert sorted(tmp_path.rglob("*")) == before


def test_a_database_that_somebody_writes_to_is_read_all_the_same(environment, installation):
    with installation.sessions.write():
        assert len(names(installation.home / "tagstone.sqlite")) == 2


def test_home_is_what_the_settings_say(tmp_path, monkeypatch):
    from tagstone.settings import Settings

    for value in (str(tmp_path / "x"), "~/somewhere", ""):
        monkeypatch.setenv("TAGSTONE_HOME", value) if value else monkeypatch.delenv("TAGSTONE_HOME")
        assert home() == Settings().home.expanduser().absolute()


def test_bash_completes_commands_and_names_by_the_script_that_is_shown(environment):
    script = subprocess.run(
        [TAGSTONE], env=environment | {"_TAGSTONE_COMPLETE": "source_bash"}, capture_output=True, text=True, check=True
    )
    program = f"""{script.stdout}
        COMP_WORDS=(tagstone show v1); COMP_CWORD=2; _tagstone_completion tagstone; echo "${{COMPREPLY[@]}}"
        COMP_WORDS=(tagstone appr); COMP_CWORD=1; _tagstone_completion tagstone; echo "${{COMPREPLY[@]}}"
        complete -p tagstone
    """
    done = subprocess.run(["bash", "--norc", "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[:2] == ["v1.0.0", "approve"]
    assert "_tagstone_completion tagstone" in done.stdout
    assert done.stderr == ""


def test_zsh_is_told_names_with_what_they_are(environment):
    shown = subprocess.run(
        [TAGSTONE], env=environment | {"_TAGSTONE_COMPLETE": "source_zsh"}, capture_output=True, text=True, check=True
    )
    assert shown.stdout.lstrip().startswith("#compdef tagstone")
    asked = environment | {"_TAGSTONE_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "tagstone cite v1"}
    done = subprocess.run([TAGSTONE], env=asked, capture_output=True, text=True, check=True)
    assert '"v1.0.0":"published p' in done.stdout
    assert done.stderr == ""


def test_a_completion_loads_nothing_heavy(environment):
    program = "import sys; from tagstone.cli.completing import publications; assert publications('v'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-P", "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert not {"sqlalchemy", "pydantic", "yaml", "requests", "tagstone.settings"} & set(done.stdout.split())
