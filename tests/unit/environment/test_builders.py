"""What builders share, and what can be seen of them without building."""

import io
import tarfile

import pytest

from tagstone.adapters.build_jobs import (
    both_cases,
    is_loopback,
    settings_of,
    stream_of,
    write_context,
    write_context_tar,
)
from tagstone.adapters.mmdebstrap import Mmdebstrap, suite_name
from tagstone.domain.environments.build import ContextFile
from tagstone.errors import Invalid, Temporary


def test_every_engines_settings_read_the_same():
    ours = settings_of(
        {"Env": ["B=2", "A=1=x"], "Labels": {"z": "1", "io.buildah.version": "1.28"}, "Cmd": ["sh"], "Entrypoint": None}
    )
    assert ours.env == (("A", "1=x"), ("B", "2"), ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"))
    assert (ours.labels, ours.command, ours.entrypoint) == ((("z", "1"),), ("sh",), ())


@pytest.mark.parametrize(
    ("reference", "loopback"), [("127.0.0.1:5/x", True), ("localhost/x", True), ("127.0.0.1.evil.test/x", False)]
)
def test_plain_http_is_for_this_machine_only(reference, loopback):
    assert is_loopback(reference) is loopback


def test_proxies_have_both_names():
    assert both_cases({"https_proxy": "x"}) == {"HTTPS_PROXY": "x", "https_proxy": "x"}


def test_a_stream_is_believed_only_when_its_end_was_checked():
    def check():
        raise Temporary("cut")

    stream = stream_of(iter([b"ab", b"", b"cde"]), check)
    assert stream.read(3) == b"abc"
    with pytest.raises(Temporary):
        stream.read()


def test_nothing_is_written_through_a_link(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    files = [(ContextFile("a", "1", symlink=True), str(outside).encode()), (ContextFile("a/evil", "2"), b"x")]
    with pytest.raises(Invalid, match="cannot be laid out"):
        write_context(tmp_path / "context", files)
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("path", ["../evil", "/evil", "a/../../evil"])
def test_a_path_that_leaves_the_context_is_refused(tmp_path, path):
    with pytest.raises(Invalid):
        write_context(tmp_path / "context", [(ContextFile(path, "1"), b"x")])
    with pytest.raises(Invalid):
        write_context_tar(io.BytesIO(), [(ContextFile(path, "1"), b"x")], ("C", ""))


def test_a_context_for_an_engine_hides_what_is_ours_in_it():
    out = io.BytesIO()
    write_context_tar(out, [(ContextFile("a", "1", executable=True), b"x")], ("C", "FROM scratch\n"))
    out.seek(0)
    with tarfile.open(fileobj=out) as tar:
        assert [(member.name, member.mode, member.mtime) for member in tar] == [
            ("a", 0o755, 315532800),
            ("C", 0o644, 315532800),
            (".dockerignore", 0o644, 315532800),
        ]
        ignored = tar.extractfile(".dockerignore")
        assert ignored
        assert ignored.read() == b".dockerignore\nC\n"


@pytest.mark.parametrize(("written", "name"), [("12", "bookworm"), ("bookworm", "bookworm")])
def test_a_suite_goes_by_name_or_number(written, name):
    assert suite_name("debian", written) == name


@pytest.mark.parametrize(
    ("family", "suite"), [("debian", "jammy"), ("alpine", "3"), ("debian", "--hook=evil"), ("debian", "latest")]
)
def test_what_cannot_be_made_is_refused_with_what_can(family, suite, tmp_path):
    with pytest.raises(Invalid) as caught, Mmdebstrap(tmp_path).root(family, suite):
        pass
    assert "debian:bookworm" in caught.value.remedy
