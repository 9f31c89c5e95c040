"""A runner that runs nothing: it keeps its state in a folder, so that it survives its process, and counts what it began.

Workspaces, outputs and their rules are real; what a run does is what the fake was told when it was started.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tagstone.adapters.outputs import collect
from tagstone.adapters.workspace import discard, stage
from tagstone.domain.runs.run import LogChunk, Outcome, OutputFile, OutputRules, RunSpec, RunStatus, Sample
from tagstone.errors import Conflict, NotFound, Temporary
from tagstone.ports import Storage

LOG = b"running\nstill running\ndone\n"
_CODES = {Outcome.SUCCEEDED: 0, Outcome.FAILED: 1, Outcome.OUT_OF_MEMORY: 137, Outcome.IMAGE: None, Outcome.ENGINE: None}


@dataclass
class FakeRunner:
    """Implements ports.Runner: every run takes `looks` observations (-1: it never ends), says `log`, ends with `outcome`,
    and leaves `outputs`. A run whose command has a word of `ends` ends so instead, and leaves a file with its command too where
    `named` is a path. `waits` is what it says to wait for at the observations before its last. `fail` and `lose` count the calls that do nothing, or whose answer is lost.
    """

    folder: Path
    storage: Storage
    looks: int = 2
    outcome: Outcome = Outcome.SUCCEEDED
    outputs: dict[str, bytes] = field(default_factory=lambda: {"results/table.csv": b"a,b\n1,2\n"})
    log: bytes = LOG
    exit_code: int | None = None
    waits: str = ""
    ends: dict[str, Outcome] = field(default_factory=dict)
    named: str = ""
    lose: Counter[str] = field(default_factory=Counter)
    fail: Counter[str] = field(default_factory=Counter)
    name: str = "fake"

    @property
    def begun(self) -> int:
        """How many runs were really begun, whatever became of them."""
        path = self.folder / "begun"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def start(self, key: str, spec: RunSpec) -> None:
        self._fails("start")
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self._path(key).exists():
            self._begin(key, spec)
        self._loses("start")

    def observe(self, key: str) -> RunStatus:
        self._fails("observe")
        state = self._read(key)
        if state["looks"] > 0:
            self._write(key, {**state, "looks": state["looks"] - 1})
        self._loses("observe")
        if state["looks"] != 0:
            return RunStatus(1.0, engine="fake", detail=self.waits if state["looks"] > 1 else "")
        usage = (Sample(1.0, 0.5, 2**20),)
        return RunStatus(
            1.0, 2.0, Outcome(state["outcome"]), state["exit_code"], "", engine="fake", usage=usage, cpu_seconds=0.5
        )

    def logs(self, key: str, cursor: str) -> LogChunk:
        said = self._read(key)["log"].encode("latin-1")
        start = int(cursor or 0)
        return LogChunk(said[start : start + 8], str(min(start + 8, len(said))))

    def collect(self, key: str, rules: OutputRules) -> list[OutputFile]:
        self._fails("collect")
        if self._read(key)["looks"] != 0:
            raise Conflict(f"The run {key} has not ended.", remedy="Wait for its end, or stop it.")
        found = collect(self._workspace(key), rules, self.storage)
        self._loses("collect")
        return found

    def stop(self, key: str) -> None:
        self._fails("stop")
        if self._path(key).exists() and self._read(key)["looks"] != 0:
            self._write(key, {**self._read(key), "looks": 0, "outcome": Outcome.STOPPED, "exit_code": 143})
        self._loses("stop")

    def remove(self, key: str) -> None:
        self._fails("remove")
        self._path(key).unlink(missing_ok=True)
        discard(self._workspace(key))
        self._loses("remove")

    def _begin(self, key: str, spec: RunSpec) -> None:
        discard(self._workspace(key))
        stage(self._workspace(key), spec, self.storage)
        outcome = next((self.ends[word] for word in spec.command if word in self.ends), self.outcome)
        told = {self.named: " ".join(spec.command).encode()} if self.named else {}
        for path, data in (self.outputs | told).items():
            place = self._workspace(key) / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        code = _CODES.get(outcome, 143) if self.exit_code is None else self.exit_code
        state = {"looks": self.looks, "outcome": outcome, "exit_code": code, "log": self.log.decode("latin-1")}
        self._write(key, state)
        with (self.folder / "begun").open("a") as stream:
            stream.write(f"{key}\n")

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def _workspace(self, key: str) -> Path:
        return self.folder / f"{key}.workspace"

    def _read(self, key: str) -> dict[str, Any]:
        try:
            state: dict[str, Any] = json.loads(self._path(key).read_text())
        except FileNotFoundError:
            raise NotFound(f"There is no run {key}.", remedy="Start it.") from None
        return state

    def _write(self, key: str, state: dict[str, Any]) -> None:
        incoming = self._path(key).with_suffix(".incoming")
        incoming.write_text(json.dumps(state))
        incoming.replace(self._path(key))

    def _fails(self, call: str) -> None:
        if self.fail[call] > 0:
            self.fail[call] -= 1
            raise Temporary(f"The engine did not take {call}.", delay=0.0)

    def _loses(self, call: str) -> None:
        if self.lose[call] > 0:
            self.lose[call] -= 1
            raise Temporary(f"The answer to {call} was lost.", delay=0.0)
