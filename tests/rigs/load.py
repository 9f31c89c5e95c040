"""Many senders over HTTP, each with a connection of its own, out of one thread: it takes as little of the processor as Python can."""

import selectors
import socket
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

_PIECE = 65536
_LONGEST = 60.0


@dataclass(frozen=True)
class Answer:
    """What a sender was answered: `status` is None where the connection broke. Times are seconds of the performance counter."""

    number: int
    status: int | None
    began: float
    ended: float


@dataclass
class _Sender:
    """One question on its way."""

    number: int
    line: socket.socket
    unsent: memoryview
    began: float
    said: bytearray = field(default_factory=bytearray)

    @property
    def status(self) -> int | None:
        """The status that the answer's first line names."""
        words = bytes(self.said[:13]).split()
        return int(words[1]) if len(words) > 1 and words[1].isdigit() else None


def send(port: int, questions: Sequence[bytes], at_once: int) -> list[Answer]:
    """Send all of these to loopback, so many at the same time; the answers in the order in which they came."""
    waiting = deque(enumerate(questions))
    answers: list[Answer] = []
    on_their_way = 0
    with selectors.DefaultSelector() as lines:
        while waiting or on_their_way:
            while waiting and on_their_way < at_once:
                _begin(lines, port, *waiting.popleft())
                on_their_way += 1
            ready = lines.select(_LONGEST)
            if not ready:
                raise TimeoutError(f"{on_their_way} senders were not answered for {_LONGEST} seconds")
            for key, _ in ready:
                sender: _Sender = key.data
                if _go_on(lines, sender):
                    answers.append(Answer(sender.number, sender.status, sender.began, time.perf_counter()))
                    on_their_way -= 1
    return answers


def _begin(lines: selectors.BaseSelector, port: int, number: int, question: bytes) -> None:
    line = socket.socket()
    line.setblocking(False)
    line.connect_ex(("127.0.0.1", port))
    lines.register(line, selectors.EVENT_WRITE, _Sender(number, line, memoryview(question), time.perf_counter()))


def _go_on(lines: selectors.BaseSelector, sender: _Sender) -> bool:
    """Send or read what there is; whether that was all."""
    try:
        if sender.unsent:
            sender.unsent = sender.unsent[sender.line.send(sender.unsent) :]
            if not sender.unsent:
                lines.modify(sender.line, selectors.EVENT_READ, sender)
            return False
        piece = sender.line.recv(_PIECE)
    except BlockingIOError:
        return False
    except OSError:
        sender.said.clear()
        piece = b""
    sender.said += piece
    if piece:
        return False
    lines.unregister(sender.line)
    sender.line.close()
    return True
