"""Start the application, ask it for twelve days, and keep its answers: what a record can hold of a service."""

import json
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

SERVICE = "http://127.0.0.1:8501"
DAYS = [f"2026-{month:02d}-21" for month in range(1, 13)]


def main() -> None:
    """Ask and write."""
    results = Path("results")
    results.mkdir(exist_ok=True)
    with subprocess.Popen([sys.executable, "app.py", "127.0.0.1"]) as service:
        try:
            wait()
            phases = [json.loads(get(f"/phase?date={day}")) for day in DAYS]
            (results / "phases.json").write_text(json.dumps(phases, indent=1) + "\n", encoding="utf-8")
            (results / "page.html").write_bytes(get(f"/?date={DAYS[-1]}"))
        finally:
            service.terminate()
    print(f"the application answered for {len(phases)} days")


def wait() -> None:
    """Wait until the application listens, for at most 30 seconds."""
    for _ in range(300):
        try:
            get("/phase?date=2026-01-01")
        except URLError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the application did not start")


def get(path: str) -> bytes:
    """The body of an answer."""
    with urlopen(SERVICE + path, timeout=10) as answer:
        return answer.read()


if __name__ == "__main__":
    main()
