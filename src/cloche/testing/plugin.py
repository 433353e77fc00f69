"""pytest: the fixture `cloud` is a fresh account in one cloud that serves the whole session; `cloche_server` is that cloud."""
from __future__ import annotations

from collections.abc import Iterator

import pytest

from .cloche import Account, Cloche

SERVER = pytest.StashKey[Cloche]()


@pytest.fixture(scope="session")
def cloche_server(request: pytest.FixtureRequest) -> Iterator[Cloche]:
    with Cloche() as cloud:
        request.config.stash[SERVER] = cloud
        yield cloud
        del request.config.stash[SERVER]


@pytest.fixture
def cloud(cloche_server: Cloche) -> Iterator[Account]:
    """A fresh account. The clock is the whole cloud's: read moments from what you make, not from your own watch. What was planned for it and its `other()` accounts ends with the test."""
    before = cloche_server.given
    yield cloche_server.other()
    cloche_server.forget(before)


@pytest.fixture(scope="module", autouse=True)
def _nothing_planned_stays(request: pytest.FixtureRequest) -> Iterator[None]:
    """What accounts have planned ends with their module: another's test that goes through ninety days need not go through it. All accounts that ever were: a worker that was
    at work when its account was forgotten may have planned the next time since."""
    yield
    server = request.config.stash.get(SERVER, None)
    if server is not None:
        server.forget()
