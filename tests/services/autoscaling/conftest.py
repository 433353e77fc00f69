"""Groups are tried without machines, for speed; `real` is a cloud in which instances run."""
import pytest

from cloche.engines.world import lacking
from cloche.testing import Cloche


@pytest.fixture(scope="session")
def cloche_server():
    with Cloche(compute="none") as cloud:
        yield cloud


@pytest.fixture(scope="session")
def real_server():
    if reason := lacking():
        pytest.skip(reason)
    with Cloche() as cloud:
        yield cloud


@pytest.fixture
def real(real_server):
    return real_server.other()
