"""JSON and YAML from outside."""
import pytest

from cloche.languages import documents


def test_both_kinds_are_read():
    assert documents.read('{"a": [1]}') == documents.read("a: [1]") == documents.read(b"{a: [1]}") == {"a": [1]}
    assert documents.read("a: 2010-09-09") == {"a": "2010-09-09"}


@pytest.mark.parametrize("text", ["a: [", "[" * 5000, "\x00", "a: &a [x]\n" + "".join(f"a{i}: &a{i} [" + ",".join([f"*a{i - 1 if i else ''}"] * 10) + "]\n" for i in range(9)), "a: &a [*a]"])
def test_what_cannot_be_taken_is_refused(text):
    with pytest.raises(documents.Unreadable):
        documents.read(text)
