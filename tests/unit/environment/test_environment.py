"""From what an author says to one recipe, and the key it is found again by."""

import contextlib
import hashlib
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagstone.domain.code.source import EntryKind, SourceEntry
from tagstone.domain.code.source_tree import Tree
from tagstone.domain.environments.environment import environment_key, pinned_recipe, plan_recipe, with_settings
from tagstone.domain.environments.lock import Lock
from tagstone.domain.images.oci import CONFIG, Descriptor, Image, ImageSettings, Platform
from tagstone.errors import Invalid

APT = ("python3", "python3-venv")


@dataclass(frozen=True)
class Wanted:
    base: str | None = "debian:bookworm"
    apt: tuple[str, ...] = ()
    pip: str | None = None
    install: str | None = None
    containerfile: str | None = None


def tree(files=None, *, executable=(), links=(), submodules=()):
    contents = files or {}
    kinds = dict.fromkeys(executable, EntryKind.EXECUTABLE) | dict.fromkeys(links, EntryKind.SYMLINK)
    kinds |= dict.fromkeys(submodules, EntryKind.SUBMODULE)
    entries = [
        SourceEntry(path, kinds.get(path, EntryKind.FILE), hashlib.sha1(content).hexdigest(), len(content))
        for path, content in sorted(contents.items())
    ]
    return Tree(entries, contents.__getitem__)


def base(written, env=(), number="0"):
    blob = Descriptor(CONFIG, "sha256:" + "1" * 64, 2)
    return Image(f"base/{written.partition(':')[0]}", "sha256:" + number * 64, blob, (), (), ImageSettings(env=env))


def plan(wanted, files=None, lock=None, resolve=base):
    given_tree = files if isinstance(files, Tree) else tree(files)
    return plan_recipe(wanted, given_tree, resolve, lock or Lock(), Platform())


def faults(wanted, files=None, **others):
    with pytest.raises(Invalid) as caught:
        plan(wanted, files, **others)
    return [str(fault) for fault in caught.value.faults]


def test_the_generated_containerfile_reads_like_one_written_by_hand():
    wanted = Wanted(apt=("python3-venv", "python3"), pip="requirements.txt", install="install.sh")
    files = {"requirements.txt": b"-r more.txt\nnumpy\n", "more.txt": b"scipy\n", "install.sh": b"true\n", "other": b""}
    recipe = plan(wanted, files)
    assert recipe.containerfile == (
        "# Written by Tagstone. Caches and logs are not removed here: what varies is left out when the layer is written.\n"
        "FROM {base:0}\n"
        "ARG SOURCE_DATE_EPOCH=315532800\n"
        "USER root\n"
        "ENV LANG=C.UTF-8\n"
        "RUN export DEBIAN_FRONTEND=noninteractive \\\n"
        " && apt-get update \\\n"
        " && apt-get install --yes --no-install-recommends --allow-downgrades \\\n"
        "      python3 \\\n"
        "      python3-venv\n"
        "COPY more.txt /.tagstone/context/more.txt\n"
        "COPY requirements.txt /.tagstone/context/requirements.txt\n"
        "COPY install.sh /.tagstone/context/install.sh\n"
        "WORKDIR /.tagstone/context\n"
        "RUN python3 -m venv /opt/venv\n"
        "RUN CFLAGS=-g0 CXXFLAGS=-g0 FFLAGS=-g0 PIP_ROOT_USER_ACTION=ignore /opt/venv/bin/pip install"
        " --no-cache-dir --no-compile --disable-pip-version-check -r /.tagstone/context/requirements.txt\n"
        "ENV PATH=/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
        "RUN sh ./install.sh\n"
    )
    assert [file.path for file in recipe.context] == ["install.sh", "more.txt", "requirements.txt"]
    assert recipe.settings.workdir == "/workspace"
    assert dict(recipe.settings.env)["PATH"].startswith("/opt/venv/bin:")
    assert (recipe.layers_on, recipe.bare) == (0, False)


def test_a_lock_pins_what_apt_and_pip_install_and_nothing_else_changes_the_recipe():
    lock = Lock(deb={"python3": "3.11.2-1+b1", "libc6": "2.36-9"}, pypi={"numpy": "2.1.0"})
    wanted = Wanted(apt=APT, pip="requirements.txt")
    text = plan(wanted, {"requirements.txt": b"numpy\n"}, lock).containerfile
    assert (
        " && printf '%s %s\\n' \\\n      libc6 2.36-9 \\\n      python3 3.11.2-1+b1 \\\n      > /.tagstone/locked \\\n" in text
    )
    assert "apt-get -o Dir::Etc::Preferences=/.tagstone/preferences install" in text
    assert text.index("python3-venv") < text.index("dpkg-query -W -f '${Package} ${Version}\\n' | awk 'NR == FNR")
    assert "printf '%s\\n' \\\n      'numpy==2.1.0' \\\n      > /.tagstone/constraints.txt\n" in text
    assert "-c /.tagstone/constraints.txt -r /.tagstone/context/requirements.txt" in text


def test_a_base_alone_needs_no_engine():
    recipe = plan(Wanted())
    assert recipe.bare
    assert "RUN" not in recipe.containerfile


def test_the_bases_own_variables_stay_and_pips_programs_come_first():
    def resolve(written):
        return base(written, (("PATH", "/opt/conda/bin:/bin"), ("CONDA", "yes")))

    recipe = plan(Wanted(base="conda:1", pip="r.txt"), {"r.txt": b"numpy\n"}, resolve=resolve)
    assert dict(recipe.settings.env) == {"CONDA": "yes", "LANG": "C.UTF-8", "PATH": "/opt/venv/bin:/opt/conda/bin:/bin"}


def test_a_bases_hostile_search_path_is_not_written_into_the_containerfile():
    recipe = plan(
        Wanted(pip="r.txt", apt=APT), {"r.txt": b""}, resolve=lambda written: base(written, (("PATH", "/x\nRUN evil"),))
    )
    assert "evil" not in recipe.containerfile


def test_an_executable_install_script_runs_by_its_own_first_line():
    files = tree({"tools/install": b"#!/usr/bin/python3\n"}, executable=["tools/install"])
    assert plan(Wanted(install="tools/install"), files).containerfile.endswith("RUN ./tools/install\n")


@pytest.mark.parametrize("apt", [(), ("python3",)])
def test_pip_on_a_base_without_python_is_a_fault_before_anything_is_built(apt):
    (found,) = faults(Wanted(apt=apt, pip="r.txt"), {"r.txt": b"numpy\n"})
    assert "python3-venv" in found
    assert "to `apt`" in found


@pytest.mark.parametrize("apt", [("python3.11-venv",), ("python3-full",), APT])
def test_packages_that_bring_python_are_enough_for_pip(apt):
    plan(Wanted(apt=apt, pip="r.txt"), {"r.txt": b"numpy\n"})


def test_a_base_of_python_brings_it_by_itself():
    plan(Wanted(base="python:3.12", pip="r.txt"), {"r.txt": b"numpy\n"})


def test_every_fault_is_found_at_once():
    found = faults(Wanted(apt=("python3; rm -rf /", *APT), pip="no.txt", install="gone.sh"))
    assert len(found) == 3
    assert all("rm -rf" in found[0] or "no file" in fault for fault in found)


@pytest.mark.parametrize("path", ["a b.txt", "$(id).txt", "a'.txt", "-r.txt", "a\nRUN evil"])
def test_a_path_that_a_containerfile_could_misread_is_refused(path):
    assert any("unusual" in fault for fault in faults(Wanted(apt=APT, pip=path), {path: b""}))


@pytest.mark.parametrize(
    "line",
    [
        *("./mine", "-e ./mine[extra]", "..", "-e git+https://host.test/a.git", "hg+https://host.test/a"),
        *("file:///x", "mine @ file:///x", "-f wheels", "/abs/x.whl"),
    ],
)
def test_requirements_that_nobody_could_install_again_are_refused_with_their_line(line):
    (found,) = faults(Wanted(apt=APT, pip="r.txt"), {"r.txt": f"numpy\n{line}\n".encode()})
    assert found.startswith("r.txt:2: ")


@pytest.mark.parametrize("line", [".", ".[plots]", "./mine", "./mine[x] ; python_version>'3'", "mine/sub"])
def test_requirements_of_the_repository_itself_let_the_build_see_all_of_it(line):
    files = {"r.txt": line.encode(), "mine/setup.py": b"", "mine/sub/setup.py": b"", "data.csv": b""}
    own = {"tagstone.yml": b"", "tagstone.lock": b""}
    recipe = plan(Wanted(apt=APT, pip="r.txt"), files | own)
    assert [file.path for file in recipe.context] == sorted(files)
    assert "COPY . /.tagstone/context/\nWORKDIR /.tagstone/context\n" in recipe.containerfile


def test_what_is_installed_where_it_stays_is_built_where_the_code_will_be():
    recipe = plan(Wanted(apt=APT, pip="r.txt"), {"r.txt": b"-e .\n", "setup.py": b""})
    text = recipe.containerfile
    assert "COPY . /workspace/\nWORKDIR /workspace\n" in text
    assert text.index("/.tagstone/before") < text.index("-r /workspace/r.txt") < text.index("rm -rf /workspace")
    assert recipe.settings.entrypoint[:2] == ("sh", "-c")


@pytest.mark.parametrize("line", ["-r ../x.txt", "-c https://host.test/c.txt", "--requirement /etc/passwd"])
def test_requirements_from_outside_the_repository_are_refused(line):
    (found,) = faults(Wanted(apt=APT, pip="a/r.txt"), {"a/r.txt": f"{line.replace('../', '../../')}\n".encode()})
    assert "not in the repository" in found


def test_a_file_that_requirements_take_in_and_that_is_not_there_is_a_fault_where_it_is_named():
    (found,) = faults(Wanted(apt=APT, pip="r.txt"), {"r.txt": b"numpy # -r no.txt\n-cno.txt\n"})
    assert found.startswith("r.txt:2: There is no file no.txt")


@pytest.mark.parametrize(
    "line",
    ["numpy>=2; python_version>'3'", "a @ https://host.test/a.whl", "--index-url https://host.test", "-f https://host.test/"],
)
def test_what_pip_can_find_again_is_left_to_pip(line):
    plan(Wanted(apt=APT, pip="r.txt"), {"r.txt": line.encode()})


def test_the_key_is_the_same_for_the_same_recipe_and_changes_with_all_that_enters():
    files = {"Containerfile": b"FROM debian:bookworm\nCOPY a.txt /\n", "a.txt": b"1", "b.txt": b"1"}
    wanted = Wanted(base=None, containerfile="Containerfile")
    recipe = plan(wanted, files)
    key = environment_key(recipe)
    assert len(key) == 64
    assert environment_key(plan(wanted, files | {"b.txt": b"2"})) == key
    assert environment_key(plan(wanted, files | {"Containerfile": b"# why\n" + files["Containerfile"]})) == key
    others = [
        plan(wanted, files | {"a.txt": b"2"}),
        plan(wanted, files | {"Containerfile": files["Containerfile"] + b"RUN true\n"}),
        plan(wanted, files, resolve=lambda written: base(written, number="2")),
        replace(recipe, platform=Platform("linux", "arm64")),
        replace(recipe, context=(replace(recipe.context[0], executable=True),)),
    ]
    assert len({key, *map(environment_key, others)}) == 6


def test_where_a_base_is_called_something_else_the_key_is_the_same():
    one, two = (plan(Wanted(base=name)) for name in ("debian:bookworm", "other:bookworm"))
    assert environment_key(one) == environment_key(two)


def test_a_containerfiles_context_is_what_it_copies():
    text = b"FROM debian:bookworm\nCOPY --chown=1:1 src data/*.csv /app/\nADD one.txt \\\n  # why\n  two.txt /x/\n"
    names = ["src/a.py", "src/deep/b.py", "data/x.csv", "data/y.txt", "one.txt", "two.txt", "three.txt"]
    recipe = plan(Wanted(base=None, containerfile="C"), {"C": text} | dict.fromkeys(names, b""))
    assert [file.path for file in recipe.context] == ["data/x.csv", "one.txt", "src/a.py", "src/deep/b.py", "two.txt"]
    assert recipe.settings_from_engine


@pytest.mark.parametrize(
    "line", ["COPY . /app", "COPY ./ /app", 'COPY ["x$y", "/app"]', "ARG X\nCOPY $X /app", "RUN --mount=target=/m true"]
)
def test_a_context_that_cannot_be_told_is_the_whole_tree_less_what_is_ignored(line):
    text = f"FROM debian:bookworm\n{line}\n".encode()
    files = {
        "C": text,
        ".dockerignore": b"# no\n*.log\n!keep.log\nout/\n",
        "a.log": b"",
        "keep.log": b"",
        "out/x": b"",
        "deep/a.log": b"",
    }
    recipe = plan(Wanted(base=None, containerfile="C"), files)
    assert [file.path for file in recipe.context] == ["C", "deep/a.log", "keep.log"]


def test_links_stay_links_and_submodules_are_left_out():
    files = tree({"C": b"FROM x\nCOPY . /\n", "link": b"C", "sub": b""}, links=["link"], submodules=["sub"])
    recipe = plan(Wanted(base=None, containerfile="C"), files)
    assert [(file.path, file.symlink) for file in recipe.context] == [("C", False), ("link", True)]


def test_a_source_that_is_not_there_is_a_fault_with_its_line():
    (found,) = faults(Wanted(base=None, containerfile="C"), {"C": b"FROM x\n\nCOPY gone.txt /\n"})
    assert found.startswith("C:3: There is no gone.txt")


def test_a_containerfile_that_is_not_there_is_a_fault():
    (found,) = faults(Wanted(base=None, containerfile="C"))
    assert "There is no file C" in found


def test_an_image_without_a_folder_of_its_own_works_in_the_workspace():
    recipe = plan(Wanted(base=None, containerfile="C"), {"C": b"FROM x\n"})
    assert with_settings(recipe, ImageSettings()).workdir == "/workspace"
    assert with_settings(recipe, ImageSettings(workdir="/app")).workdir == "/app"


def test_the_recorded_recipe_names_its_bases_by_digest():
    assert pinned_recipe(plan(Wanted())).splitlines()[1] == "FROM debian:bookworm@sha256:" + "0" * 64


@given(st.text(max_size=40), st.binary(max_size=200))
def test_whatever_stands_in_requirements_only_our_errors_come_out(path, content):
    with contextlib.suppress(Invalid):
        plan(Wanted(apt=APT, pip=path or "r"), {path or "r": content})
