"""A person's way from a tag to a record that is run again, through the command line alone, on real engines."""

import hashlib
import resource
from pathlib import Path

import pytest

pytestmark = pytest.mark.engines
TABLE = hashlib.sha256(b"1\n2\n3\n4\n5\n").hexdigest()


@pytest.fixture(scope="module")
def published(tagstone, repository):
    """What `publish` printed."""
    return tagstone.json("publish", str(repository), "--tag", "v1.0.0")


def test_publish_ends_with_an_identifier_an_image_a_bundle_and_the_outputs(published):
    assert (published["state"], published["registered"]) == ("published", False)
    assert published["doi"].startswith("10.5072/")
    assert "@sha256:" in published["image"]
    assert (Path(published["bundle"]) / "ro-crate-metadata.json").is_file()
    assert [(output["path"], output["sha256"]) for output in published["outputs"]] == [("results/table.csv", TABLE)]


def test_the_second_call_says_the_same_and_costs_no_more_than_looking(tagstone, repository, published):
    def cost(*arguments):
        seconds = []
        for _ in range(3):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            answer = tagstone.json(*arguments)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            # Of the processor, not of the clock: other tests run beside this one.
            seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        return min(seconds), answer

    again, answer = cost("publish", str(repository), "--tag", "v1.0.0")
    looking, _ = cost("show", published["publication"])
    assert answer == published
    assert again < 2 * looking


def test_the_record_is_reproduced_and_verified_by_its_identifier(tagstone, published):
    assert tagstone.json("reproduce", published["doi"])["result"] == "identical"
    assert tagstone.json("verify", published["record_url"])["result"] == "intact"


def test_the_analysis_is_found_to_repeat_itself(tagstone, repository):
    assert tagstone.json("check", str(repository), "--twice")["twice"]["result"] == "identical"


def test_the_log_of_the_run_is_kept(tagstone, published):
    assert tagstone("logs", published["publication"], "--source", "run").stdout == "counting\n"


def test_a_rehearsal_that_fails_says_so_with_the_end_of_its_log(tagstone, repository, published):
    script = repository / "analysis.sh"
    script.write_text(script.read_text() + "echo no such star >&2\nexit 3\n")
    done = tagstone("rehearse", str(repository))
    assert done.returncode == 9
    assert "  | no such star" in done.stderr
    assert "exit code 3" in done.stderr


def test_a_lock_is_offered_for_what_was_built(tagstone, repository, published):
    assert tagstone.json("check", str(repository), "--fix")["lock_changed"] is True
    assert "debian:bookworm" in (repository / "tagstone.lock").read_text()


def test_the_machine_is_found_healthy(tagstone, published):
    assert tagstone.json("doctor")["healthy"] is True
