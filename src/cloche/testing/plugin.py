"""pytest: the fixture `cloud` is a fresh account in one cloud that serves the whole session; `cloche_server` is that cloud."""
from __future__ import annotations

from collections.abc import Iterator

import pytest

from .cloche import Account, Cloche


@pytest.fixture(scope="session")
def cloche_server() -> Iterator[Cloche]:
    with Cloche() as cloud:
        yield cloud


@pytest.fixture
def cloud(cloche_server: Cloche) -> Iterator[Account]:
    """A fresh account. The clock is the whole cloud's: read moments from what you make, not from your own watch. What was planned for the account ends with the test."""
    account = cloche_server.other()
    yield account
    account.control("clock", {"forget": account.account})
