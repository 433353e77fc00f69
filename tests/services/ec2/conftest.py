import pytest

from cloche.engines.world import lacking

from .plugged import Plugged


@pytest.fixture
def plugged(cloche_server, cloud):
    """The account's interfaces in the kernel's network."""
    if reason := lacking():
        pytest.skip(reason)
    made = Plugged(cloche_server, cloud)
    yield made
    made.close()
