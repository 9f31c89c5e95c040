"""A runner that runs nothing: it keeps its state in a folder, so that it survives its process, and counts what it began."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tagstone.domain.run import LogChunk, Outcome, OutputFile, OutputRules, RunSpec, RunStatus
from tagstone.errors import Invalid, NotFound, Temporary
from tagstone.ports import Storage

LOG = b"running\nstill running\ndone\n"


@dataclass
class FakeRunner:
    """Implements ports.Runner: every run takes `looks` observations, ends with `outcome`, and leaves `outputs`."""

    folder: Path
    storage: Storage
    looks: int = 2
    outcome: Outcome = Outcome.SUCCEEDED
    outputs: dict[str, bytes] = field(default_factory=lambda: {"results/table.csv": b"a,b\n1,2\n"})
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
        state = self._path(key)
        if not state.exists():
            self._write(key, {"looks": 0, "stopped": False, "command": list(spec.command), "env": dict(spec.env)})
            with (self.folder / "begun").open("a") as stream:
                stream.write(f"{key}\n")
        self._loses("start")

    def observe(self, key: str) -> RunStatus:
        self._fails("observe")
        state = self._read(key)
        state["looks"] += 1
        self._write(key, state)
        self._loses("observe")
        if state["stopped"]:
            return RunStatus(1.0, 2.0, Outcome.STOPPED, 143, "it was stopped", engine="fake")
        if state["looks"] <= self.looks:
            return RunStatus(1.0, engine="fake")
        code = 0 if self.outcome is Outcome.SUCCEEDED else 1
        return RunStatus(1.0, 2.0, self.outcome, code, "", engine="fake")

    def logs(self, key: str, cursor: str) -> LogChunk:
        self._read(key)
        start = int(cursor or 0)
        return LogChunk(LOG[start : start + 8], str(min(start + 8, len(LOG))))

    def collect(self, key: str, rules: OutputRules) -> list[OutputFile]:
        self._fails("collect")
        self._read(key)
        if not self.outputs:
            raise Invalid(f"Nothing matches {rules.patterns[0]}.", remedy="Look at the log.")
        found = []
        for path, data in sorted(self.outputs.items()):
            stored = self.storage.keep([data])
            found.append(OutputFile(path, len(data), hashlib.sha256(data).hexdigest(), stored.key))
        self._loses("collect")
        return found

    def stop(self, key: str) -> None:
        state = self._read(key)
        state["stopped"] = True
        self._write(key, state)

    def remove(self, key: str) -> None:
        self._fails("remove")
        self._path(key).unlink(missing_ok=True)
        self._loses("remove")

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def _read(self, key: str) -> dict:
        try:
            return json.loads(self._path(key).read_text())
        except FileNotFoundError:
            raise NotFound(f"There is no run {key}.", remedy="Start it.") from None

    def _write(self, key: str, state: dict) -> None:
        incoming = self._path(key).with_suffix(".incoming")
        incoming.write_text(json.dumps(state))
        incoming.replace(self._path(key))

    def _fails(self, call: str) -> None:
        if self.fail[call] > 0:
            self.fail[call] -= 1
            raise Temporary(f"the engine did not take {call}", delay=0.0)

    def _loses(self, call: str) -> None:
        if self.lose[call] > 0:
            self.lose[call] -= 1
            raise Temporary(f"the answer to {call} was lost", delay=0.0)
