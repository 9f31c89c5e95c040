"""list, show, logs."""

from dataclasses import replace

import pytest

from fakes import facts as recorded
from fakes.installation import NOW
from tagstone.cli.looking import Tape
from tagstone.domain.publications.publication import Step
from tagstone.domain.publications.record import Amendment
from tagstone.store import asked, publications


def test_an_empty_list_is_no_error(tagstone):
    assert tagstone("list").exit_code == 0
    assert tagstone.json("list") == {"publications": []}


def test_list_shows_every_publication_with_its_state_and_identifier(tagstone, installation):
    publication = installation.publication()
    lines = tagstone("list").stdout.splitlines()
    assert lines[0].split() == ["ID", "STATE", "PROJECT", "REF", "TITLE", "DOI", "CREATED"]
    assert lines[1].split()[:6] == [publication, "published", "wobble", "v1.0.0", "Wobble", "10.5072/tagstone.abc123"]


def test_list_can_be_narrowed_to_a_state(tagstone, installation):
    installation.publication()
    assert len(tagstone.json("list", "--state", "published")["publications"]) == 1
    assert tagstone.json("list", "--state", "failed")["publications"] == []


def test_a_wrong_state_is_a_usage_error(tagstone):
    assert tagstone("list", "--state", "lost").exit_code == 2


@pytest.mark.parametrize(
    "text",
    [
        "p0123456789abcdef",
        "p012345",
        "10.5072/tagstone.abc123",
        "doi:10.5072/tagstone.abc123",
        "v1.0.0",
        "http://127.0.0.1:8620/records/p0123456789abcdef",
    ],
)
def test_id_doi_tag_and_record_url_all_name_a_publication(tagstone, installation, text):
    installation.publication(id="p0123456789abcdef")
    assert tagstone.json("show", text)["publication"] == "p0123456789abcdef"


def test_an_unknown_name_is_not_found(tagstone):
    done = tagstone("show", "v9")
    assert (done.exit_code, done.stdout) == (4, "")
    assert "`tagstone list`" in done.stderr


def test_show_says_that_a_test_identifier_is_not_registered(tagstone, installation):
    card = tagstone("show", installation.publication()).stdout
    assert "10.5072/tagstone.abc123 (test identifier, not registered)" in card


def card_line(card, name):
    (line,) = [line for line in card.splitlines() if line.startswith(name)]
    return line.removeprefix(name).strip()


def test_show_has_image_hardware_steps_and_outputs(tagstone, installation):
    image = recorded.image(b"{}", b"{}", (b"layer",))
    publication = installation.publication(image=str(image.reference))
    installation.step(publication, Step.RUN, "done", tries=2)
    card = tagstone("show", publication).stdout
    assert f"wobble@{image.digest}" in card
    assert "1 core, 512 MiB memory" in card
    assert "Some CPU @ 3 GHz" in card
    assert "1 min 30 s, try 2" in card
    assert f"results/table.csv  4 B  sha256:{recorded.sha256(b'1,2' + bytes([10]))}" in card


@pytest.mark.parametrize(
    ("held", "said"), [(False, "the cluster keeps nobody from it"), (True, "none"), (None, "not known whether the cluster")]
)
def test_show_has_the_image_and_the_network_that_a_cluster_gave(tagstone, installation, held, said):
    facts = recorded.facts()
    assert facts.run is not None
    assert facts.run.status.granted is not None
    image = f"registry.example.org/wobble@sha256:{'e' * 64}"
    there = replace(facts.run.status.granted, node="n-17", image_id=image)
    status = replace(facts.run.status, granted=there, cluster="dahlem", network_held=held)
    card = tagstone("show", installation.publication(replace(facts, run=replace(facts.run, status=status)))).stdout
    assert "node n-17" in card
    assert card_line(card, "image as run").startswith("registry.example.org/wobble@sha256:")
    assert card_line(card, "network").startswith(said)


def test_show_says_what_the_depository_was_asked_and_has_not_answered(tagstone, installation):
    publication = installation.publication(state="working", step="upload", finished_at=None)
    with installation.sessions.write() as session:
        asked.ask(session, publication, asked.DRAFT, 1.0)
        asked.answer(session, publication, asked.DRAFT, 2.0, "1001")
        asked.ask_files(session, publication, 3.0, {"a": "sha256:1", "b": "sha256:2"})
        asked.answer_files(session, publication, 4.0, {"a": "md5:1"})
    assert "1 of 2 files" in tagstone("show", publication).stdout
    assert tagstone.json("show", publication)["depository"] == [
        {"call": "draft", "asked": 1, "answered": 1},
        {"call": "file", "asked": 2, "answered": 1},
    ]


def test_show_says_what_went_wrong_and_what_to_do(tagstone, installation):
    publication = installation.publication(
        state="failed", facts=None, doi=None, error="Two faults\n  one\n  two", remedy="Mend both."
    )
    card = tagstone("show", publication).stdout
    assert "Mend both." in card
    assert "two" in card


def test_show_of_what_was_just_queued_is_no_error(tagstone, installation):
    publication = installation.publication(state="queued", finished_at=None, title=None)
    with installation.sessions.write() as session:
        publications.get(session, publication).facts = None
    assert "not read yet" in tagstone("show", publication).stdout
    assert tagstone.json("show", publication)["outputs"] == []


def test_logs_prints_the_newest_attempt_of_the_last_step(tagstone, installation):
    publication = installation.publication()
    installation.log(publication, "build-1", [b"building\n"])
    installation.log(publication, "run-1", [b"one\n"])
    installation.log(publication, "run-2", [b"t", b"wo\n"])
    assert tagstone("logs", publication).stdout == "two\n"
    assert tagstone("logs", publication, "--source", "build").stdout == "building\n"


def test_following_the_log_of_what_has_ended_ends(tagstone, installation):
    publication = installation.publication()
    installation.log(publication, "run-1", [b"one\n"])
    assert tagstone("logs", publication, "--follow").stdout == "one\n"


def test_following_goes_on_from_the_build_to_the_run(tagstone, installation, capsys):
    publication = installation.publication()
    installation.log(publication, "build-1", [b"building"])
    tape = Tape(tagstone.application, publication, None)
    tape.play()
    installation.log(publication, "run-1", [b"one\n", b"two\n"])
    tape.play()
    tape.play()
    assert tape.finish()
    assert capsys.readouterr().out == "building\none\ntwo\n"


def test_a_log_that_is_not_there_yet_is_said_on_stderr(tagstone, installation):
    done = tagstone("logs", installation.publication(), "--source", "run")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "has no run log yet" in done.stderr


def test_times_of_a_step_at_work_go_on(tagstone, installation):
    publication = installation.publication(state="working", step="build", finished_at=None, waiting="waits for v0.9")
    installation.step(publication, Step.BUILD, "started")
    card = tagstone("show", publication).stdout
    assert "10 min 0 s" in card
    assert "waiting: waits for v0.9" in card
    assert tagstone.json("show", publication)["steps"][0]["started_at"] == NOW - 600


def test_what_was_not_run_here_is_labelled_so(tagstone, installation):
    facts = recorded.facts()
    brought = replace(recorded.output("figures/one.svg", b"<svg/>"), brought=True)
    facts = replace(facts, run=None, outputs=(brought,), secrets_waived=("code/x.py:aws-key:123456789012",))
    publication = installation.publication(facts, contents="brought")
    card = tagstone("show", publication).stdout
    assert "nothing was run by Tagstone" in card
    assert "(not run by Tagstone)" in card
    assert "code/x.py:aws-key:123456789012" in card
    told = tagstone.json("show", publication)
    assert (told["ran"], told["outputs"][0]["brought"]) == (False, True)
    assert "results not run by Tagstone" in " ".join(tagstone("list").stdout.split())


def test_what_came_after_the_release_is_shown(tagstone, installation):
    deposit = replace(recorded.deposit(registered=True), depository="zenodo")
    amendments = (Amendment(NOW, "ada\x1b[2J"),)
    facts = replace(recorded.facts(), deposit=deposit, amendments=amendments)
    publication = installation.publication(facts, owner="The Wobble Team", checked_at=NOW)
    printed = tagstone("show", publication).stdout
    assert "registered, does not resolve yet" in printed
    assert "The Wobble Team, at zenodo" in printed
    assert "2026-03-01 by ada\\x1b[2J" in printed
    assert "the depository holds what was sent" in printed
    told = tagstone.json("show", publication)
    assert (told["resolves"], told["owner"], told["drift"], told["amended_at"]) == (False, "The Wobble Team", None, [NOW])


def test_a_doi_that_resolves_and_a_deposit_that_differs_are_shown(tagstone, installation):
    facts = replace(recorded.facts(), deposit=recorded.deposit(registered=True))
    publication = installation.publication(facts, resolved_at=NOW, checked_at=NOW, drift="deposit: different: 'a\x1b[2J'")
    printed = tagstone("show", publication).stdout
    assert "does not resolve yet" not in printed
    assert "deposit: different: 'a\\x1b[2J'" in printed
    assert tagstone.json("show", publication)["resolves"] is True


def test_a_withdrawn_record_is_shown_with_its_reason(tagstone, installation):
    publication = installation.publication(state="withdrawn", withdrawn_at=NOW, withdrawn_because="The clock was wrong.")
    assert "2026-03-01: The clock was wrong." in tagstone("show", publication).stdout


def test_the_runs_of_a_matrix_are_told_one_by_one(tagstone, installation):
    facts = recorded.of_matrix(recorded.facts(), {"north": ("fit", "north"), "a b": ("fit", "a b")})
    publication = installation.publication(facts)
    said = tagstone("show", publication).stdout
    told = "1: field=north succeeded after 1 min 0 s, 1 of 2, Some CPU @ 3 GHz, 512 MiB, 8 GiB in the machine"
    assert told in " ".join(said.split())
    runs = tagstone.json("show", publication)["runs"]
    assert [(run["number"], run["folder"], run["values"], run["outcome"]) for run in runs] == [
        (1, "1-field=north", {"field": "north"}, "succeeded"),
        (2, "2-field=a_b", {"field": "a b"}, "succeeded"),
    ]


def test_the_log_of_one_run_of_a_matrix_is_printed_where_it_is_asked_for(tagstone, installation):
    publication = installation.publication()
    installation.log(publication, "run-1", [b"=== run 1 ===\none\n"])
    installation.log(publication, "run.2-1", [b"two, so far\n"], ended=False)
    assert tagstone("logs", publication).stdout == "=== run 1 ===\none\n"
    assert tagstone("logs", publication, "--run", "2").stdout == "two, so far\n"
