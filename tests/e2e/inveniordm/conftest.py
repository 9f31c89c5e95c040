"""A proxy in front of the real server, through which everything goes, and installations that deposit there."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rigs.deposits import Depositing, Observer, make_template
from servers.faulty_proxy import FaultyProxy, faulty_proxy
from servers.inveniordm.server import InvenioRDM, Person


@pytest.fixture
def proxy(inveniordm: InvenioRDM) -> Iterator[FaultyProxy]:
    """The server's address for clients whose calls are counted and disturbed."""
    with faulty_proxy(inveniordm.url) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `home` and `wobble`, to be copied for each installation."""
    folder = tmp_path_factory.mktemp("template")
    make_template(folder)
    return folder


@pytest.fixture
def installation(template: Path, tmp_path: Path, inveniordm: InvenioRDM, proxy: FaultyProxy) -> Callable[..., Depositing]:
    """Makes fresh installations that deposit through the proxy, as the owner unless somebody else is given."""
    made = iter(range(10_000))

    def make(person: Person = inveniordm.owner) -> Depositing:
        return Depositing.like(template, tmp_path / str(next(made)), proxy.url, person)

    return make


@pytest.fixture
def observer(inveniordm: InvenioRDM) -> Observer:
    """The owner, looking at the server apart from everything of ours."""
    return Observer(inveniordm.url, inveniordm.owner)
