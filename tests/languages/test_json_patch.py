"""JSON Patch, by RFC 6902's own examples."""
import pytest

from cloche.languages.json_patch import PatchError, patched


@pytest.mark.parametrize(("document", "patch", "after"), [
    ({"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux"}], {"foo": "bar", "baz": "qux"}),
    ({"foo": ["bar", "baz"]}, [{"op": "add", "path": "/foo/1", "value": "qux"}], {"foo": ["bar", "qux", "baz"]}),
    ({"foo": ["bar"]}, [{"op": "add", "path": "/foo/-", "value": ["x"]}], {"foo": ["bar", ["x"]]}),
    ({"baz": "qux", "foo": "bar"}, [{"op": "remove", "path": "/baz"}], {"foo": "bar"}),
    ({"foo": ["bar", "qux", "baz"]}, [{"op": "remove", "path": "/foo/1"}], {"foo": ["bar", "baz"]}),
    ({"baz": "qux"}, [{"op": "replace", "path": "/baz", "value": "boo"}], {"baz": "boo"}),
    ({"a": [1, 2]}, [{"op": "replace", "path": "/a/0", "value": 3}], {"a": [3, 2]}),
    ({"foo": {"bar": 1}, "q": {}}, [{"op": "move", "from": "/foo/bar", "path": "/q/x"}], {"foo": {}, "q": {"x": 1}}),
    ({"a/b": 1, "m~n": 2}, [{"op": "copy", "from": "/a~1b", "path": "/c"}, {"op": "test", "path": "/m~0n", "value": 2}], {"a/b": 1, "m~n": 2, "c": 1}),
    ({"a": 1}, [{"op": "replace", "path": "", "value": 2}], 2),
])
def test_a_patch_changes_what_it_says(document, patch, after):
    assert patched(document, patch) == after


@pytest.mark.parametrize("patch", [{}, [{"op": "remove", "path": "/b"}], [{"op": "add", "path": "/a/5", "value": 1}], [{"op": "test", "path": "/a", "value": 2}], [{"op": "add", "path": "a", "value": 1}],
                                   [{"op": "add", "path": "/x"}], [{"op": "x", "path": "/a"}], [{"path": "/a"}], [{"op": "remove", "path": "/a/01"}]])
def test_a_patch_that_does_not_fit_is_refused(patch):
    with pytest.raises(PatchError):
        patched({"a": [1]}, patch)
