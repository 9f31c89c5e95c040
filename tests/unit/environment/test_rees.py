"""What a repository's own files come to: the Containerfile that is built, or a message that says what to do."""

import contextlib
import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.trees import some_base, tree_of
from tagstone.domain.environments.build import Recipe
from tagstone.domain.environments.channels import Channels
from tagstone.domain.environments.environment import plan_recipe
from tagstone.domain.environments.generated import _FROM_LOCK
from tagstone.domain.environments.lock import Lock
from tagstone.domain.environments.rees.r import debian_package, named_packages
from tagstone.domain.images.oci import Platform
from tagstone.errors import Invalid

CHANNELS = Channels(
    "https://mirror.test/conda", "https://mirror.test/cran/{date}", "https://julia.test", "https://old.test/{archive}/{date}"
)
HASH = "sha256:" + "a" * 64
PIPFILE_LOCK = {
    "_meta": {"requires": {"python_version": "3.11"}},
    "default": {"idna": {"version": "==3.7", "hashes": [HASH], "markers": "python_version >= '3.5'"}},
    "develop": {},
}


def plan(files, *, channels=None, lock=None, executable=(), warnings=None) -> Recipe:
    return plan_recipe(None, tree_of(files, executable), some_base, lock or Lock(), Platform(), channels, warnings)


def steps(files, **others) -> list[str]:
    """The Containerfile below its head, which is the same for all."""
    text = plan(files, **others).containerfile.replace(" \\\n      ", " ").replace(" \\\n && ", " && ").replace(" \\\n", "")
    return text.splitlines()[5:]


def faults(files, **others) -> Any:
    with pytest.raises(Invalid) as caught:
        plan(files, **others)
    return caught.value.faults


def fault(files, **others) -> Any:
    (only,) = faults(files, **others)
    return only


def warned(files, **others) -> list[str]:
    found: list[Any] = []
    plan(files, warnings=found, **others)
    return [str(one) for one in found]


APT_GET = "RUN export DEBIAN_FRONTEND=noninteractive && apt-get update && apt-get install --yes --no-install-recommends --allow-downgrades "
PIP = (
    "RUN CFLAGS=-g0 CXXFLAGS=-g0 FFLAGS=-g0 PIP_ROOT_USER_ACTION=ignore /opt/venv/bin/pip install"
    " --no-cache-dir --no-compile --disable-pip-version-check "
)
PATH = "ENV PATH=/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def test_requirements_are_installed_by_the_python_of_debian():
    recipe = plan({"requirements.txt": "numpy\n-r more.txt\n", "more.txt": "scipy\n", "analysis.py": ""})
    assert recipe.bases[0].written == "debian:bookworm"
    assert [file.path for file in recipe.context] == ["more.txt", "requirements.txt"]
    assert recipe.containerfile.splitlines()[1] == "FROM {base:0}"
    assert steps({"requirements.txt": "numpy\n"}) == [
        APT_GET + "python3 python3-venv",
        "COPY requirements.txt /.tagstone/context/requirements.txt",
        "RUN python3 -m venv /opt/venv",
        PIP + "-r /.tagstone/context/requirements.txt",
        PATH,
    ]


def test_packages_of_apt_txt_are_installed_before_anything_else():
    (apt, *rest) = steps({"apt.txt": "# tools\nlibgsl-dev  graphviz # to draw\n\n", "requirements.txt": "numpy\n"})
    assert apt == APT_GET + "graphviz libgsl-dev python3 python3-venv"
    assert rest


def test_without_any_language_python_is_there_as_in_binder():
    assert steps({"apt.txt": "gnuplot\n"}) == [APT_GET + "gnuplot python3 python3-venv", "RUN python3 -m venv /opt/venv", PATH]


@pytest.mark.parametrize("name", ["numpy; rm -rf /", "numpy=1.0", "Gnuplot", "$(id)", "-o"])
def test_what_is_no_debian_package_is_refused_with_its_line(name):
    for one in faults({"apt.txt": f"gnuplot\n{name}\n"}):
        assert (one.file, one.line) == ("apt.txt", 2)


def test_a_project_is_installed_with_the_compilers_that_its_sources_want():
    files = {"pyproject.toml": "[project]\nname='a'\n", "a/b.c": "", "a/c.F90": "", "requirements.txt": "numpy\n"}
    apt, copy, place, _, requirements, project, _ = steps(files)
    assert apt == APT_GET + "gcc gfortran libc6-dev python3 python3-dev python3-venv"
    assert (copy, place) == ("COPY . /.tagstone/context/", "WORKDIR /.tagstone/context")
    assert requirements == PIP + "-r /.tagstone/context/requirements.txt"
    assert project == PIP + "/.tagstone/context"
    assert len(plan(files).context) == 4


def test_a_project_that_requirements_install_already_is_not_installed_twice():
    assert not [line for line in steps({"setup.py": "", "requirements.txt": "-e .\n"}) if line.endswith("check /workspace")]


def test_requirements_from_git_bring_git():
    (apt, *_) = steps({"requirements.txt": "mine @ git+https://host.test/mine.git@v1\n"})
    assert apt == APT_GET + "ca-certificates git python3 python3-venv"


def test_a_lock_of_pipenv_is_installed_by_version_and_checksum_and_nothing_else():
    found = steps({"Pipfile.lock": json.dumps(PIPFILE_LOCK), "Pipfile": "", "requirements.txt": "numpy\n"})
    assert found[1] == "COPY Pipfile.lock /.tagstone/context/Pipfile.lock"
    assert "python3 /.tagstone/pipfile.py /.tagstone/context/Pipfile.lock > /.tagstone/locked.txt" in found[-2]
    assert "pip install --no-cache-dir --no-compile --disable-pip-version-check --no-deps --require-hashes" in found[-2]


def test_the_lines_made_of_a_lock_are_what_pip_reads(tmp_path):
    (tmp_path / "Pipfile.lock").write_text(json.dumps(PIPFILE_LOCK))
    program = [sys.executable, "-c", "\n".join(_FROM_LOCK), str(tmp_path / "Pipfile.lock")]
    lines = subprocess.run(program, check=True, capture_output=True, text=True).stdout
    assert lines == f"idna==3.7; python_version >= '3.5' --hash={HASH}\n"


@pytest.mark.parametrize(
    "entry",
    [
        {"version": "==3.7"},
        {"version": "==3.7", "hashes": []},
        {"version": "*", "hashes": [HASH]},
        {"git": "https://host.test/a.git", "ref": "main"},
        {"path": "."},
        {"version": "==3.7\nevil", "hashes": [HASH]},
        {"version": "==3.7", "hashes": [HASH], "markers": "a\nevil"},
        "==3.7",
    ],
)
def test_a_lock_that_does_not_pin_everything_is_refused(entry):
    lock = PIPFILE_LOCK | {"default": {"idna": entry}}
    assert "idna is not pinned" in fault({"Pipfile.lock": json.dumps(lock)}).message


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"default": 1, "develop": {}}', "[" * 5000])
def test_what_is_no_lock_of_pipenv_is_refused(text):
    assert "no lock of pipenv" in fault({"Pipfile.lock": text}).message


def test_a_pipfile_alone_is_read_as_requirements_with_a_warning():
    text = '[packages]\nnumpy = "*"\nscipy = {version = ">=1.10,<2", extras = ["all"]}\n[dev-packages]\npytest = "==8.0"\n'
    assert any("'numpy' 'pytest==8.0' 'scipy[all]>=1.10,<2'" in line for line in steps({"Pipfile": text}))
    assert any("versions are not pinned" in one for one in warned({"Pipfile": text}))


@pytest.mark.parametrize("value", ['{path = "."}', '{git = "https://host.test/a"}', '"=evil"', "1", '"==1; rm"'])
def test_a_pipfile_with_what_pip_could_not_find_is_refused(value):
    assert "no released package" in fault({"Pipfile": f"[packages]\nmine = {value}\n"}).message


def test_a_runtime_of_another_python_stands_on_its_own_image_and_says_so():
    files = {"runtime.txt": "python-3.9\n", "requirements.txt": "numpy\n"}
    recipe = plan(files)
    assert recipe.bases[0].written == "python:3.9-slim-bookworm"
    assert "apt-get" not in recipe.containerfile
    assert any("Debian bookworm has 3.11" in one for one in warned(files))


def test_a_runtime_that_debian_has_stands_on_debian():
    assert plan({"runtime.txt": "python-3.11"}).bases[0].written == "debian:bookworm"


@pytest.mark.parametrize(
    "text", ["python-2.7", "python", "julia-1.10", "", "python-3.11-2026-01-01", "3.11", "r-4.2-yesterday"]
)
def test_a_runtime_that_is_not_to_be_had_is_refused(text):
    assert fault({"runtime.txt": text}).file == "runtime.txt"


def test_r_packages_come_from_debian_where_it_has_them():
    script = 'install.packages(c("ggplot2", "data.table"), repos = "https://cran.test")\ninstall.packages("Rcpp")\n'
    assert steps({"install.R": script}) == [APT_GET + "r-base-core r-cran-data.table r-cran-ggplot2 r-cran-rcpp"]


def test_a_package_of_r_is_installed_with_what_it_imports():
    text = "Package: mine\nVersion: 1.0\nDepends: R (>= 4.0), methods\nImports: digest,\n    jsonlite (>= 1.0)\nSuggests: nothere\n"
    assert steps({"DESCRIPTION": text}) == [
        APT_GET + "r-base-core r-cran-digest r-cran-jsonlite",
        "COPY . /.tagstone/context/",
        "WORKDIR /.tagstone/context",
        "RUN R CMD INSTALL --built-timestamp='1980-01-01 00:00:00' /.tagstone/context",
    ]


def test_a_description_that_is_of_no_package_is_refused():
    assert len(faults({"DESCRIPTION": "Imports: digest, a b; c\nRemotes: us/mine\n"})) == 3


def test_packages_that_debian_has_not_need_a_cran_and_the_message_says_which():
    one = fault({"install.R": 'install.packages(c("ggplot2", "nosuchpackage"))'})
    assert "Debian has no nosuchpackage" in one.message
    assert "TAGSTONE_BUILDS__CRAN" in one.remedy


def test_packages_that_debian_has_not_come_from_the_sites_cran_of_the_day_that_is_asked_for():
    files = {"install.R": 'install.packages(c("ggplot2", "nosuchpackage"))', "runtime.txt": "r-4.2-2026-01-31"}
    apt, written, install = steps(files, channels=CHANNELS)
    assert apt == APT_GET + "ca-certificates r-base-core r-base-dev r-cran-ggplot2"
    assert 'options(repos = c(CRAN = "https://mirror.test/cran/2026-01-31"))' in written
    assert install == "RUN Rscript --vanilla -e 'source(\"/.tagstone/cran.R\")' -e 'install.packages(c(\"nosuchpackage\"))'"


def test_a_script_that_does_more_is_run_as_it_stands_where_there_is_a_cran():
    files = {"install.R": 'remotes::install_github("us/mine")\n'}
    assert "does more than name packages" in fault(files).message
    *_, copy, _, run = steps(files, channels=CHANNELS)
    assert copy == "COPY install.R /.tagstone/context/install.R"
    assert run.endswith("-e 'source(\"/.tagstone/context/install.R\")'")


def test_another_r_than_debians_is_refused():
    assert "Debian bookworm has 4.2" in fault({"runtime.txt": "r-4.1-2022-01-01"}).message


@pytest.mark.parametrize(
    ("script", "names"),
    [
        ("", ()),
        ("# install.packages('x')\n", ()),
        ("install.packages('a1')", ("a1",)),
        ("utils::install.packages(pkgs = c('a1', \"b2\",), dependencies = TRUE, quiet=TRUE);", ("a1", "b2")),
        ("options(repos = c(CRAN = 'https://c.test'))\nlibrary(stats)\ninstall.packages('a1')\n", ("a1",)),
        ("if (!require('a1')) install.packages('a1')", ("a1",)),
        ("if (!requireNamespace('a1', quietly = TRUE)) {\n  install.packages('a1')\n}\n", ("a1",)),
        ("install.packages(packages)", None),
        ("install.packages('a; b')", None),
        ("system('id')", None),
        ("install.packages('a1'); unlink('/', recursive = TRUE)", None),
        ("source('other.R')", None),
    ],
)
def test_a_script_that_only_names_packages_is_known_from_one_that_does_more(script, names):
    assert named_packages(script) == names


def test_names_of_bioconductor_are_debians_too():
    assert debian_package("Biobase") == "r-bioc-biobase"


@pytest.mark.parametrize(
    "text", ["install.packages(c(" + '"a" ' * 20_000, "options(" * 12_000, "if(!require(" * 8_000, "c('a'   " * 12_000]
)
def test_a_hostile_script_is_judged_at_once(text):
    assert named_packages(text) is None


CONDA = "channels: [conda-forge, defaults]\ndependencies:\n  - python=3.10\n  - numpy>=1.20,<2\n  - pip:\n    - astropy==6.0\n"


def test_conda_without_a_channel_says_what_it_needs_and_what_it_could_be_instead():
    one = fault({"environment.yml": CONDA.replace(">=1.20,<2", "=1.26")})
    assert "no channel of conda" in one.message
    assert "TAGSTONE_BUILDS__CONDA_CHANNELS" in one.remedy
    assert one.remedy.endswith("Write requirements.txt instead:\nnumpy==1.26.*\nastropy==6.0")


def test_what_only_conda_has_is_not_offered_from_elsewhere():
    one = fault({"environment.yml": "dependencies: [root, numpy]\n"})
    assert "requirements.txt and apt.txt" in one.remedy


def test_conda_with_a_channel_is_installed_by_an_image_that_leaves_nothing_else():
    recipe = plan({"environment.yml": CONDA}, channels=CHANNELS)
    assert [base.written for base in recipe.bases] == ["debian:bookworm", "mambaorg/micromamba:2"]
    assert steps({"environment.yml": CONDA}, channels=CHANNELS) == [
        APT_GET + "ca-certificates",
        "COPY --from={base:1} /bin/micromamba /.tagstone/micromamba",
        (
            "RUN /.tagstone/micromamba create --yes --root-prefix /.tagstone/micromamba-root --prefix /opt/conda"
            " --override-channels --channel https://mirror.test/conda/conda-forge 'python=3.10' 'numpy>=1.20,<2'"
        ),
        "RUN mkdir -p /.tagstone && printf '%s\\n' 'astropy==6.0' > /.tagstone/listed.txt",
        PIP.replace("/opt/venv/bin/pip", "/opt/conda/bin/python -m pip") + "-r /.tagstone/listed.txt",
        PATH.replace("/opt/venv", "/opt/conda"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dependencies: numpy",
        "dependencies: [{'a': 1}]",
        "dependencies: [\"numpy'; id; '\"]",
        "dependencies: [numpy]\nchannels: ['https://evil.test/$(id)']",
        "dependencies: [numpy]\nchannels: ['../up']",
        "dependencies: [{pip: ['-e .']}]",
        "&a [*a]",
    ],
)
def test_what_is_no_environment_of_conda_is_refused(text):
    assert fault({"environment.yml": text}, channels=CHANNELS).file == "environment.yml"


JULIA = {
    "Project.toml": '[deps]\nExample = "7876af07-990d-54b4-ab0e-23690620f79a"\n',
    "Manifest.toml": 'julia_version = "1.9.4"\n',
}


def test_julia_without_a_server_says_what_it_needs():
    assert "TAGSTONE_BUILDS__JULIA_SERVER" in fault(JULIA).remedy


def test_julia_with_a_server_is_instantiated_by_the_version_that_made_its_manifest():
    recipe = plan(JULIA, channels=CHANNELS)
    assert [base.written for base in recipe.bases] == ["debian:bookworm", "julia:1.9-bookworm"]
    assert steps(JULIA, channels=CHANNELS) == [
        "COPY Manifest.toml /.tagstone/context/Manifest.toml",
        "COPY Project.toml /.tagstone/context/Project.toml",
        "COPY --from={base:1} /usr/local/julia /usr/local/julia",
        (
            "RUN JULIA_PKG_SERVER=https://julia.test JULIA_DEPOT_PATH=/opt/julia"
            " /usr/local/julia/bin/julia --project=/.tagstone/context -e 'using Pkg; Pkg.instantiate(); Pkg.precompile()'"
        ),
        "ENV JULIA_DEPOT_PATH=:/opt/julia JULIA_PROJECT=/workspace",
        PATH.replace("/opt/venv", "/usr/local/julia"),
    ]


def test_julia_without_a_manifest_warns_that_nothing_is_pinned():
    assert any("not pinned" in one for one in warned({"Project.toml": ""}, channels=CHANNELS))


def test_post_build_runs_last_where_the_code_will_be_and_what_it_makes_there_is_laid_into_runs():
    files = {"requirements.txt": "numpy\n", "postBuild": "#!/bin/bash\nmake\n", "Makefile": "", "tagstone.yml": "{}"}
    recipe = plan(files)
    assert [file.path for file in recipe.context] == ["Makefile", "postBuild", "requirements.txt"]
    *_, seen, run, kept = steps(files)
    assert seen.endswith("find . ! -type d -print0 | sort -z > /.tagstone/before")
    assert run == "RUN /bin/bash ./postBuild"
    assert "--directory=/opt/repository" in kept
    assert kept.endswith("cd / && rm -rf /workspace")
    assert recipe.settings.entrypoint == ("sh", "-c", 'cp -Rn /opt/repository/. . 2>/dev/null; exec "$0" "$@"')


def test_an_executable_post_build_runs_by_itself():
    files = {"binder/postBuild": "#!/usr/bin/env python3\n"}
    assert "RUN ./binder/postBuild" in steps(files, executable=["binder/postBuild"])


def test_start_begins_every_container_by_what_its_first_line_names():
    assert plan({"start": '#!/bin/bash -l\nexec "$@"\n'}).settings.entrypoint == ("/bin/bash", "-l", "/workspace/start")
    assert plan({"binder/start": 'exec "$@"\n'}).settings.entrypoint == ("sh", "/workspace/binder/start")
    assert plan({"start": "#!/bin/ba'sh\n"}).settings.entrypoint == ("sh", "/workspace/start")


def test_a_containerfile_says_all_by_itself():
    recipe = plan({"binder/Dockerfile": "FROM debian:bookworm\nCOPY a.txt /\n", "a.txt": "", "requirements.txt": "x"})
    assert recipe.settings_from_engine
    assert [file.path for file in recipe.context] == ["a.txt"]


def test_a_repository_that_says_nothing_is_told_so():
    assert "Nothing says what the code needs" in fault({"analysis.py": ""}).message


def test_a_locks_snapshot_is_asked_for_where_the_site_has_one_and_the_images_own_sources_stay():
    lock = Lock(deb={"gnuplot": "1.0-1"}, snapshot="2026-11-19T20:12:54Z")
    (apt, *_) = steps({"apt.txt": "gnuplot\n"}, lock=lock, channels=CHANNELS)
    assert "#https://old.test/\\1/20261120T021254Z\\2#" in apt
    assert "Dir::Etc::SourceList=/.tagstone/apt/sources.list" in apt
    assert "gnuplot 1.0-1" in apt
    assert "old.test" not in steps({"apt.txt": "gnuplot\n"}, lock=lock)[0]
    assert "old.test" not in steps({"apt.txt": "gnuplot\n"}, channels=CHANNELS)[0]


NAMES = [
    "requirements.txt",
    "Pipfile",
    "Pipfile.lock",
    "apt.txt",
    "runtime.txt",
    "install.R",
    "DESCRIPTION",
    "environment.yml",
    "Project.toml",
]


@given(st.sampled_from(NAMES), st.text(max_size=200), st.booleans())
def test_whatever_stands_in_a_file_only_our_errors_come_out(name, text, channels):
    with contextlib.suppress(Invalid):
        plan({name: text}, channels=CHANNELS if channels else None)
