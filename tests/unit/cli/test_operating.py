"""base-image, db upgrade, db wait, doctor."""

import io
import tarfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import create_engine, text

from tagstone.adapters.oci_layout import OciLayout
from tagstone.bootstrap import Application
from tagstone.cli import doctor
from tagstone.errors import Temporary
from tagstone.settings import Builds, ForgeSettings, Runs, Settings, Waits
from tagstone.store import migrations


@pytest.fixture
def fresh(tagstone, tmp_path):
    """The same command line on a home that does not exist yet."""
    application = tagstone.application = Application(Settings(home=tmp_path / "fresh", _site=None))
    yield tagstone
    if "engine" in application.__dict__:
        application.engine.dispose()


@contextmanager
def small_root(distribution: str, suite: str):
    """A root filesystem with one file."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        entry = tarfile.TarInfo("./etc/os-release")
        data = f"{distribution} {suite}\n".encode()
        entry.size = len(data)
        tar.addfile(entry, io.BytesIO(data))
    made.seek(0)
    yield made


def test_a_base_image_is_made_once_and_found_again(fresh):
    fresh.application.make_root = small_root
    first, second = fresh.json("base-image", "debian:bookworm"), fresh.json("base-image", "debian:bookworm")
    assert first["image"].startswith("base/debian@sha256:")
    assert (first["made"], second["made"], second["image"]) == (True, False, first["image"])


def test_what_names_no_image_is_invalid(fresh):
    assert fresh("base-image", "; rm -rf /").exit_code == 3


def test_db_upgrade_makes_the_tables_and_then_has_nothing_to_do(fresh):
    first, second = fresh("db", "upgrade"), fresh("db", "upgrade")
    assert (first.exit_code, "was empty" in first.stdout) == (0, True)
    assert (second.exit_code, "was" in second.stdout) == (0, False)


@pytest.fixture
def waiting(fresh, tmp_path):
    """A command in another thread, on what waits for nothing long."""
    fresh.application = Application(Settings(home=tmp_path / "fresh", waits=Waits(poll_longest=0.02), _site=None))
    with ThreadPoolExecutor(1) as pool:
        yield lambda *command: pool.submit(fresh, "db", *command)
    fresh.application.engine.dispose()


def test_who_waits_for_the_tables_goes_on_when_they_are_there(fresh, waiting):
    waited = waiting("wait")
    with pytest.raises(TimeoutError):
        waited.result(0.3)
    migrations.upgrade(fresh.application.engine)
    assert (waited.result(10).exit_code, waited.result().stdout) == (0, "The tables are there.\n")
    assert "this version needs" in waited.result().stderr


def test_nobody_waits_for_tables_that_are_newer(fresh):
    fresh("db", "upgrade")
    with fresh.application.engine.execution_options(writes=True).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    waited = fresh("db", "wait")
    assert waited.exit_code == 5
    assert "revision 9999" in waited.stderr
    assert "Install the newer Tagstone again" in waited.stderr


@pytest.mark.parametrize("command", [["wait"], ["upgrade", "--wait"]])
def test_a_database_that_is_away_is_waited_for(fresh, waiting, command):
    there = fresh.application.engine
    migrations.upgrade(there)
    fresh.application.engine = create_engine("sqlite:////nowhere/at/all.sqlite")
    waited = waiting(*command)
    with pytest.raises(TimeoutError):
        waited.result(0.3)
    fresh.application.engine = there
    assert waited.result(10).exit_code == 0
    assert "cannot be reached" in waited.result().stderr


class Engine:
    """An engine that answers."""

    def __str__(self) -> str:
        return "Podman 4.3.1"


class Builder:
    name = "buildah"


class Runner:
    name = "podman"


@pytest.fixture
def healthy(fresh, tagstone):
    """A machine on which all is well but for the base images."""
    application = fresh.application
    application.containers, application.builder, application.locks = Engine(), Builder(), tagstone.locks
    application.registry = OciLayout(application.home / "images", 5.0)
    return fresh


def test_doctor_finds_a_healthy_machine_healthy(healthy):
    healthy.application.make_root = small_root
    healthy("base-image", "debian:bookworm")
    told = healthy.json("doctor")
    assert told["healthy"] is True
    assert {check["check"]: check["verdict"] for check in told["checks"]} == dict.fromkeys(doctor.CHECKS, "ok")


def test_doctor_warns_of_missing_bases_and_says_how_to_make_them(healthy):
    done = healthy("doctor")
    assert done.exit_code == 0
    assert "→ Run `tagstone base-image debian:bookworm`." in done.stdout


@pytest.mark.parametrize(
    ("allowed", "verdict", "said"),
    [
        ({}, "ok", "neither built nor run on this host"),
        (
            {"builds": Builds(registered="buildah"), "runs": Runs(registered="podman")},
            "warning",
            "built by buildah and run by podman",
        ),
        ({"runs": Runs(registered="docker")}, "fault", "but podman is in use"),
    ],
)
def test_doctor_says_what_of_registered_projects_is_done_on_this_host(healthy, allowed, verdict, said):
    settings = healthy.application.settings
    healthy.application.settings = settings.model_copy(
        update={"forges": {"lab": ForgeSettings(url="https://lab.test")}, **allowed}
    )
    healthy.application.runner = Runner()
    finding = doctor.own_host(healthy.application)
    assert finding.verdict == verdict
    assert said in finding.text


def test_doctor_tells_every_fault_with_its_remedy_and_goes_on(healthy):
    class Away:
        def put_blob(self, *_: object) -> None:
            raise Temporary("The registry is away.", remedy="Start it.")

        def manifest(self, *_: object) -> bytes:
            raise RuntimeError("secret")

    healthy.application.registry = Away()
    done = healthy("doctor")
    assert done.exit_code == 8
    assert "The registry is away." in done.stdout
    assert "→ Start it." in done.stdout
    assert "RuntimeError" in done.stdout
    assert "secret" not in done.output
    assert "worker" in done.stdout


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://127.0.0.1:1/x?password=hunter2", "postgresql+psycopg://ada:hunter2@127.0.0.1:1/x"]
)
def test_doctor_never_shows_a_password(healthy, url):
    healthy.application.engine = create_engine(url)
    assert "hunter2" not in healthy("doctor").output


def test_doctor_says_when_the_database_is_another_versions(healthy):
    healthy("db", "upgrade")
    with healthy.application.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    finding = doctor.database(healthy.application)
    assert (finding.verdict, finding.remedy) == ("fault", "Install the newer Tagstone again.")


def test_doctor_warns_when_work_waits_and_nobody_is_there(tagstone, installation):
    installation.publication(state="queued", finished_at=None)
    tagstone.locks.alive = False
    assert doctor.worker(tagstone.application).verdict == "warning"


def test_a_database_that_is_away_is_told_without_a_traceback(fresh):
    fresh.application.engine = create_engine("postgresql+psycopg://ada:hunter2@127.0.0.1:1/x")
    done = fresh("list")
    assert done.exit_code == 7
    assert done.stderr.startswith("error: The database cannot be used: ")
    assert "hunter2" not in done.stderr


def test_a_home_that_cannot_be_made_is_told_with_its_path(fresh, tmp_path):
    (tmp_path / "file").write_text("")
    fresh.application.home = tmp_path / "file" / "home"
    done = fresh("list")
    assert done.exit_code == 8
    assert f"error: {tmp_path / 'file'}" in done.stderr
    assert "Traceback" not in done.stderr
