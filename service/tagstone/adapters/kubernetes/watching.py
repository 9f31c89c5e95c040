"""What one kind of our objects on a cluster looks like now: listed once, then followed by one watch for all of them, however many wait.

Every few minutes all are listed anew, so that nothing that a watch lost stays lost. Where watching is not possible, listing again and
again takes its place.
"""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

import structlog

from tagstone.adapters.kubernetes.client import Cluster, Expired, Object
from tagstone.adapters.kubernetes.reading import owner, run_of
from tagstone.adapters.news import News
from tagstone.errors import TagstoneError

T = TypeVar("T")

_WATCHED = 60  # seconds of one watch, which then goes on with another
_ROUNDS = 5  # watches after which everything is listed anew
_SOONEST, _LATEST = 0.5, 15.0  # seconds between two tries while the cluster is away
_BREATH = 0.1  # seconds between two watches
_PAGE = "50"
_log = structlog.get_logger("tagstone.kubernetes")


class Mirror(Generic[T]):
    """The objects at `path` with the labels of `selector`, each as `read` understands it; `news` are told of each that changed."""

    def __init__(self, cluster: Cluster, path: str, selector: str, read: Callable[[Object], T], news: News) -> None:
        self._cluster = cluster
        self._path = path
        self._selector = selector
        self._read = read
        self._news = news
        self._names: dict[str, T] = {}
        self._jobs: dict[str, dict[str, T]] = {}
        self._runs: dict[str, str] = {}
        self._fresh = threading.Event()
        self._ended = threading.Event()
        self._begin = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def fresh(self) -> bool:
        """True while what is here is what the cluster says; whoever asks first sets the watch going."""
        with self._begin:
            if self._thread is None:
                self._thread = threading.Thread(target=self._follow, name=f"watch {self._path}", daemon=True)
                self._thread.start()
        return self._fresh.is_set()

    def named(self, name: str) -> T | None:
        """The object with this name."""
        return self._names.get(name)

    def of_job(self, uid: str) -> list[T]:
        """The objects that belong to a Job."""
        return list(self._jobs.get(uid, {}).values())

    def close(self) -> None:
        """End the watch, at the latest when it next hears something."""
        self._ended.set()

    def _follow(self) -> None:
        pause = _SOONEST
        while not self._ended.is_set():
            try:
                version = self._list()
                self._fresh.set()
                if self._watch_on(version):
                    pause = _SOONEST
                    continue
            except TagstoneError as error:
                self._fresh.clear()
                _log.warning("the cluster does not say what runs there", path=self._path, why=error.message)
            except Exception:  # noqa: BLE001 - without this thread all runs would be seen for ever as they were
                self._fresh.clear()
                _log.exception("what the cluster says of what runs there is not understood", path=self._path)
            self._ended.wait(pause)
            pause = min(_LATEST, 2 * pause)

    def _watch_on(self, version: str) -> bool:
        """Follow for a few minutes; False where that was not possible, so that listing again takes its place."""
        try:
            for _ in range(_ROUNDS):
                version = self._watch(version)
                # A server that ends every watch at once must not be asked without a pause.
                self._ended.wait(_BREATH)
        except Expired:
            return False
        except TagstoneError as error:
            _log.warning("a watch of the cluster broke off", path=self._path, why=error.message)
            return False
        return True

    def _list(self) -> str:
        """Take in all that is there now; the version that a watch goes on from."""
        names: dict[str, T] = {}
        jobs: dict[str, dict[str, T]] = {}
        runs: dict[str, str] = {}
        more = ""
        while True:
            page = self._cluster.get(
                self._path, labelSelector=self._selector, limit=_PAGE, **({"continue": more} if more else {})
            )
            # What is kept of an object is a hundredth of it.
            for thing in page.get("items") or ():
                value, name = self._read(thing), str(thing["metadata"]["name"])
                names[name] = value
                jobs.setdefault(owner(thing), {})[name] = value
                runs[name] = run_of(thing)
            about = page.get("metadata") or {}
            more = str(about.get("continue") or "")
            if not more:
                break
        before, self._names, self._jobs = self._names, names, jobs
        changed = [name for name in before.keys() | names.keys() if before.get(name) != names.get(name)]
        lost, self._runs = self._runs, runs
        for name in changed:
            self._news.tell(runs.get(name) or lost.get(name, ""))
        return str(about.get("resourceVersion") or "")

    def _watch(self, version: str) -> str:
        """Take in what changes for a while; the version that the next watch goes on from."""
        for change in self._cluster.watch(self._path, version, _WATCHED, labelSelector=self._selector):
            if self._ended.is_set():
                break
            thing = change["object"]
            version = str(thing["metadata"].get("resourceVersion") or version)
            if change["type"] != "BOOKMARK":
                self._take_in(thing, gone=change["type"] == "DELETED")
        return version

    def _take_in(self, thing: Object, *, gone: bool) -> None:
        name, job = str(thing["metadata"]["name"]), owner(thing)
        if gone:
            self._names.pop(name, None)
            of_job = self._jobs.get(job, {})
            of_job.pop(name, None)
            if not of_job:
                self._jobs.pop(job, None)
            self._news.tell(self._runs.pop(name, ""))
            return
        before, value = self._names.get(name), self._read(thing)
        self._names[name] = value
        self._jobs.setdefault(job, {})[name] = value
        self._runs[name] = run_of(thing)
        if value != before:
            self._news.tell(self._runs[name])
