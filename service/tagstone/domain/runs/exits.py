"""What the end of the author's own process means."""

from collections.abc import Sequence

from tagstone.domain.runs.failure import Failure, Kind
from tagstone.domain.runs.hardware import Resources, format_bytes, format_seconds

AGAIN = "Nothing is to be done: it is begun again by itself."
_KILLED = 137
_SIGNALS = {1: "SIGHUP", 2: "SIGINT", 4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL", 11: "SIGSEGV", 13: "SIGPIPE",
            15: "SIGTERM", 24: "SIGXCPU", 25: "SIGXFSZ"}  # fmt: skip


def ended(
    exit_code: int | None, asked: Resources, *, ended_by: str = "", for_memory: bool = False, reason: str = "Error"
) -> Failure | None:
    """What an exit code says, beside why it was ended (`time`, `disk`, `stop`, `taken` with its pod; empty: by itself).

    None where all is well.
    `for_memory` says that the kernel killed something in the container for memory: it was the main process where it ended by SIGKILL.
    """
    if ended_by:
        return _from_outside(ended_by, asked)
    if not exit_code:
        return None
    if for_memory and exit_code == _KILLED:
        remedy = "Ask for more in tagstone.yml (run: resources: memory), or let it hold less at a time."
        return Failure(Kind.OUT_OF_MEMORY, "Its main process was killed for memory.", remedy, "OOMKilled")
    return _failed(exit_code, reason, child=for_memory)


def _from_outside(why: str, asked: Resources) -> Failure:
    if why == "time":
        detail = f"It was ended after {format_seconds(asked.time)}."
        remedy = "Ask for more in tagstone.yml (run: resources: time), or give it less to do."
        return Failure(Kind.TIME_LIMIT, detail, remedy, "TimeLimit")
    if why == "disk":
        return over_disk(asked, "DiskLimit")
    if why == "taken":
        return Failure(Kind.DISRUPTED, "Its pod was ended from outside.", AGAIN, "PodTerminated")
    return Failure(Kind.STOPPED, "It was stopped.", "`tagstone retry` runs it again.", "Stopped")


def over_disk(asked: Resources, reason: str) -> Failure:
    """It wrote more than it asked for."""
    detail = f"It was ended with more than {format_bytes(asked.disk)} in use."
    return Failure(Kind.DISK_LIMIT, detail, "Ask for more in tagstone.yml (run: resources: disk), or write less.", reason)


def not_granted(missing: Sequence[str]) -> Failure:
    """The hardware that was asked for is not there, though the cluster said so; `missing` are sentences of `shortfalls`."""
    detail = f"The cluster did not grant the hardware: {'; '.join(missing)}."
    remedy = (
        "Ask for less (run: resources) or another profile, or show this to the site's admin: its nodes promise what they lack."
    )
    return Failure(Kind.HARDWARE, detail, remedy, "NotGranted")


def _failed(exit_code: int, reason: str, *, child: bool) -> Failure:
    if exit_code in (126, 127):
        what = "may not be executed" if exit_code == 126 else "was not found"
        detail = f"{exit_code} usually means that the command, or a program it called, {what}."
        return Failure(Kind.EXIT_CODE, detail, "Look at run: command, and at what the environment installs.", reason)
    number = exit_code - 128
    detail = f"It was ended by signal {number} ({_SIGNALS[number]})." if number in _SIGNALS else ""
    if child:
        return Failure(
            Kind.EXIT_CODE,
            f"{detail} A child process was killed for memory.".strip(),
            "Ask for more in tagstone.yml (run: resources: memory), or let its processes hold less at a time.",
            reason,
        )
    if exit_code == _KILLED:
        detail = "It was ended by SIGKILL, which neither Tagstone nor the kernel's memory limit sent."
    return Failure(Kind.EXIT_CODE, detail, "What it said is in its log; `tagstone rehearse` tries a fix without a tag.", reason)
