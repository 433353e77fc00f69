"""What we say we meet of the specification names tests that are there."""
import sys

import pytest

from tests.house.test_rules import HOME

sys.path.insert(0, str(HOME))
from tools import claims

CHAPTERS = claims.chapters()


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_claim_of_a_chapter_names_tests_that_are_there(chapter):
    lost = {claim.name: missing for claim in CHAPTERS[chapter] if (missing := claims.missing(claim))}
    assert not lost


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_no_claim_is_counted_twice(chapter):
    names = [claim.name for claim in CHAPTERS[chapter]]
    assert sorted(names) == sorted(set(names))
    assert chapter in claims.CHAPTERS


def test_a_line_that_is_no_claim_is_refused(tmp_path):
    (tmp_path / "99.txt").write_text("62 tests/x.py::test_y\n")
    with pytest.raises(ValueError, match="62 tests"):
        claims.read(tmp_path / "99.txt")
