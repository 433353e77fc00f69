"""An origin server for each test that asks for one."""
import pytest

from .edge import Origin


@pytest.fixture
def origin():
    made = Origin()
    yield made
    made.close()
