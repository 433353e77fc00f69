"""Input paths and transformers: (template, paths, result)."""
import pytest

from cloche.languages import input_transformer as it

EVENT = {"detail-type": "x", "source": "s", "detail": {"state": "RUNNING", "n": 5, "ok": True, "none": None, "list": [{"a b": 1}, {"a b": 2}], "say": 'he said "hi"'}}
RESERVED = {"aws.events.rule-name": "r"}

PATHS = [
    ("$", EVENT), ("$.detail.state", "RUNNING"), ("$.detail-type", "x"), ("$.detail.list[1]", {"a b": 2}), ("$['detail']['n']", 5),
    ("$.detail.list[0]['a b']", 1), ("$.detail.list[*]['a b']", [1, 2]), ("$.detail.list[7]", it.MISSING), ("$.nothing.here", it.MISSING), ("$.detail.none", None),
]

TEMPLATES = [
    ('"instance <i> is in <s>"', {"i": "$.source", "s": "$.detail.state"}, '"instance s is in RUNNING"'),
    ('{"state": <s>, "n": <n>, "ok": <ok>}', {"s": "$.detail.state", "n": "$.detail.n", "ok": "$.detail.ok"}, '{"state": "RUNNING", "n": 5, "ok": true}'),
    ('{"state": "<s>"}', {"s": "$.detail.state"}, '{"state": "RUNNING"}'),
    ('{"list": <l>}', {"l": "$.detail.list"}, '{"list": [{"a b":1},{"a b":2}]}'),
    ('{"say": "<q>", "then": <q>}', {"q": "$.detail.say"}, '{"say": "he said \\"hi\\"", "then": "he said \\"hi\\""}'),
    ('{"rule": <aws.events.rule-name>}', {}, '{"rule": "r"}'),
    ('{"gone": <g>, "also": "<g>"}', {"g": "$.nothing"}, '{"gone": null, "also": ""}'),
    ('"a <s>"\n"b <s>"', {"s": "$.source"}, '"a s"\n"b s"'),
    ("plain", {}, "plain"),
]


@pytest.mark.parametrize(("path", "value"), PATHS)
def test_a_path_takes_a_part_of_the_event(path, value):
    assert it.extract(EVENT, path) == value


@pytest.mark.parametrize(("template", "paths", "text"), TEMPLATES)
def test_a_template_is_filled_with_values(template, paths, text):
    assert it.transform(template, paths, EVENT, RESERVED) == text


@pytest.mark.parametrize("path", ["detail", "$detail", "$..a", "$.a[", "$.a[x]", "$."])
def test_a_bad_path_is_refused(path):
    with pytest.raises(it.Invalid):
        it.parse_path(path)


def test_a_variable_that_nothing_defines_is_refused():
    it.check("<a> <aws.events.event.json>", {"a": "$.x"})
    with pytest.raises(it.Invalid):
        it.check("<b>", {"a": "$.x"})
