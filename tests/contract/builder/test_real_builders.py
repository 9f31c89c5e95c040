"""What builders that really build do with files, processes, certificates, proxies and what is left."""

import io
import os
import tarfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from servers.builders import builds_with, wait_for
from tagstone.adapters.engine_builds import EngineBuilds
from tagstone.domain.environments.build import BuildState, ContextFile
from tagstone.errors import Invalid
from tagstone.image.layers import RootIndex, environment_layer

CONTEXT = (
    ContextFile("run.sh", "1" * 40, executable=True),
    ContextFile("data/table.csv", "2" * 40),
    ContextFile("data/link.csv", "3" * 40, symlink=True),
)
CONTENTS = {"run.sh": b"#!/bin/sh\n", "data/table.csv": b"1,2\n", "data/link.csv": b"table.csv"}


def members(rig, key):
    with rig.builder.collect(key) as built, tarfile.open(fileobj=built.tar, mode="r|") as tar:
        return {member.name.removeprefix("./").rstrip("/"): member for member in tar}


def test_files_of_the_context_keep_their_modes_and_links(real):
    real.succeeded("p1", real.recipe("COPY . /app\n", *CONTEXT), CONTENTS)
    found = members(real, "p1")
    assert found["app/run.sh"].mode & 0o777 == 0o755
    assert found["app/data/table.csv"].mode & 0o777 == 0o644
    assert found["app/data/link.csv"].linkname == "table.csv"


def test_a_sites_ca_is_there_during_the_build_and_nowhere_afterwards(real):
    check = 'RUN test "$PIP_CERT" = /.tagstone/ca.pem && test "$(wc -l < "$SSL_CERT_FILE")" = 3\nCOPY . /app\n'
    real.succeeded("p1", real.recipe(check + "RUN cp -r /app /copied\n", *CONTEXT), CONTENTS)
    layer = io.BytesIO()
    with real.builder.collect("p1") as built:
        environment_layer(RootIndex(), built.tar, layer, io.BytesIO())
        settings = built.settings
    for word in (b"THE SITE'S OWN CA", b".tagstone", b"ca.pem"):
        assert word not in layer.getvalue()
        assert word not in repr(settings).encode()


def test_another_installation_on_the_same_engine_is_left_alone_whatever_its_keys_are(real):
    real.start("p1", real.slow())
    wait_for(lambda: "begun" in real.log("p1"))
    with builds_with(real.again("elsewhere")) as others:
        others.succeeded("p1", real.recipe("RUN touch /built\n"))
    time.sleep(1)
    assert real.builder.observe("p1").state is BuildState.RUNNING


def test_proxies_are_there_during_the_build_and_nowhere_afterwards(real):
    check = (
        'RUN test "${HTTP_PROXY##*@}" = proxy.test:3128 && test "$http_proxy" = "$HTTP_PROXY" && test "$NO_PROXY" = localhost\n'
    )
    real.succeeded("p1", real.recipe(check))
    with real.builder.collect("p1") as built:
        assert "proxy" not in repr(built.settings).lower()
        assert b"pw-47119" not in built.tar.read()
    assert "pw-47119" not in real.log("p1")


def test_secrets_of_a_proxy_are_in_no_process_list(real):
    real.start("p1", real.recipe("RUN echo begun; sleep 600\n"))
    wait_for(lambda: "begun" in real.log("p1"))
    ours = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.parent.name != str(os.getpid())]
    assert not any(b"user:pw-47119@proxy.test" in line for line in ours)


def test_the_builder_leaves_no_mark_of_its_own_in_the_settings(real):
    real.succeeded("p1", real.recipe("LABEL mine=yes\n"))
    with real.builder.collect("p1") as built:
        assert built.settings.labels == (("mine", "yes"),)


def test_what_a_build_leaves_running_ends_with_it(real):
    real.succeeded("p1", real.recipe("RUN setsid sleep 47119 & true\n"))
    assert wait_for(lambda: not sleeping(b"47119"))


def test_a_stopped_build_leaves_no_process(real):
    real.start("p1", real.recipe("RUN echo begun; setsid sleep 47120 & sleep 47120\n"))
    wait_for(lambda: sleeping(b"47120"))
    real.builder.stop("p1")
    assert wait_for(lambda: not sleeping(b"47120"))


def test_a_build_that_takes_too_long_fails_and_says_so(real, tmp_path):
    real.builder._jobs._seconds = 2.0
    real.start("p1", real.recipe("RUN sleep 600\n"))
    status = real.ended("p1")
    assert (status.state, status.exit_code) == (BuildState.FAILED, 124)
    assert "2 seconds" in status.detail


@pytest.mark.parametrize("script", ["true", "exit 4"])
def test_nothing_of_a_build_is_left_in_folder_or_engine(real, tmp_path, script):
    real.start("p1", real.recipe(f"RUN {script}\n", *CONTEXT), CONTENTS)
    real.ended("p1")
    real.builder.stop("p1")
    assert not (tmp_path / "builds" / "p1").exists()
    if isinstance(real.builder, EngineBuilds):
        client = real.builder._engine.client
        assert client.containers.list(all=True) == []
        assert client.images.list(all=True) == []


def test_a_key_that_is_no_plain_name_is_refused(real):
    recipe = replace(real.recipe("RUN true\n"))
    with pytest.raises(Invalid, match="cannot name a build"):
        real.builder.start("../p1", recipe, lambda: iter(()))


def sleeping(mark):
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes())
        except OSError:
            continue
    return any(line.startswith((b"sleep\0", b"/bin/sleep\0")) and mark in line for line in lines)
