"""JSONPath, case by case: path and what it finds in the store of Goessner's article."""
import pytest

from cloche.languages import jsonpath

STORE = {
    "store": {
        "book": [
            {"category": "reference", "author": "Nigel Rees", "title": "Sayings", "price": 8.95},
            {"category": "fiction", "author": "Evelyn Waugh", "title": "Sword", "price": 12.99},
            {"category": "fiction", "author": "Herman Melville", "title": "Moby", "isbn": "0-553", "price": 8.99, "tags": ["sea", "whale"]},
            {"category": "fiction", "author": "Tolkien", "title": "Lord", "isbn": "0-395", "price": 22.99, "tags": []},
        ],
        "bicycle": {"color": "red", "price": 19.95},
    },
    "expensive": 10, "odd name": {"a.b": 1, "it's": 2}, "list": [1, 2, 3, 4, 5], "nothing": None, "yes": True, "matrix": [[1, 2], [3, 4]],
}
TITLES = ["Sayings", "Sword", "Moby", "Lord"]

CASES = [
    ("$", STORE), ("$.expensive", 10), ("$['expensive']", 10), ('$["expensive"]', 10), ("$.store.bicycle.color", "red"), ("$.nothing", None),
    ("$.store.book[0].title", "Sayings"), ("$.store.book[-1].title", "Lord"), ("$['odd name']['a.b']", 1), (r"$['odd name']['it\'s']", 2), ("$.matrix[1][0]", 3),
    ("$.store.book[*].title", TITLES), ("$..title", TITLES), ("$.store.book.*.title", TITLES), ("$.store..price", [8.95, 12.99, 8.99, 22.99, 19.95]),
    ("$..book[2].title", ["Moby"]), ("$.store.book[0,1].title", TITLES[:2]), ("$.store.book[:2].title", TITLES[:2]), ("$.store.book[1:3].title", TITLES[1:3]),
    ("$.store.book[-2:].title", TITLES[2:]), ("$.list[::2]", [1, 3, 5]), ("$.store.bicycle['color','price']", [{"color": "red", "price": 19.95}]), ("$.store.bicycle.*", ["red", 19.95]),
    ("$.store.book[?(@.isbn)].title", TITLES[2:]), ("$.store.book[?(!@.isbn)].title", TITLES[:2]), ("$.store.book[?(@.price < 10)].title", ["Sayings", "Moby"]),
    ("$.store.book[?(@.price<10 && @.category=='fiction')].title", ["Moby"]), ("$.store.book[?(@.price > 20 || @.author == 'Nigel Rees')].title", ["Sayings", "Lord"]),
    ("$..book[?(@.author =~ /.*REES/i)].title", ["Sayings"]), ("$.store.book[?(@.category in ['reference'])].title", ["Sayings"]),
    ("$.store.book[?(@.category nin ['reference'])].title", TITLES[1:]), ("$.store.book[?(@.tags size 2)].title", ["Moby"]), ("$.store.book[?(@.tags empty true)].title", ["Lord"]),
    ("$.store.book[?(@.tags anyof ['sea','x'])].title", ["Moby"]), ("$.store.book[?(@['title'] != 'Lord')].title", TITLES[:3]), ("$.list[?(@ > 3)]", [4, 5]),
    ("$.list[?(@ >= 2 && (@ == 2 || @ == 5))]", [2, 5]), ("$.store.book[?(@.price == 'x')].title", []), ("$.store.book[?(@.title == \"Lord\")].price", [22.99]),
    ("$.list.length()", 5), ("$.store.book.length()", 4), ("$.list.sum()", 15.0), ("$.list.min()", 1.0), ("$.list.max()", 5.0), ("$.list.avg()", 3.0), ("$..price.max()", 22.99),
    ("$.store.bicycle.keys()", ["color", "price"]), ("$.list.first()", 1), ("$.list.last()", 5), ("$.list.index(1)", 2), ("$..none", []), ("$.list[*].x", []), ("$.list[7:9]", []),
    ("$..[0]", [STORE["store"]["book"][0], "sea", 1, [1, 2], 1, 3]), ("$.store.book[?(@.tags[0] == 'sea')].title", ["Moby"]), ("$.list[0,2]", [1, 3]),
    ("$.store.book[?(@.tags.length() > 0)].title", ["Moby"]), ("$.store.book[?(@.title.length() == 4)].title", ["Moby", "Lord"]),
]


@pytest.mark.parametrize(("path", "expected"), CASES, ids=[c[0] for c in CASES])
def test_a_path_finds(path, expected):
    assert jsonpath.compile(path).find(STORE) == expected


@pytest.mark.parametrize("path", ["$.none", "$.store.none.deeper", "$.list[9]", "$.list[-9]", "$.expensive.x", "$.store[0]", "$.yes.max()"])
def test_a_definite_path_to_nowhere_is_told(path):
    with pytest.raises(jsonpath.NoSuchPath):
        jsonpath.compile(path).find(STORE)


@pytest.mark.parametrize("path", ["", "store", "$.", "$[", "$['a", "$[?(@.a", "$.a[?(@.b ==)]", "$.a b", "$...a", "$.a[1", "$[::0]", "$x", "$.a[?" + "(" * 100])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(jsonpath.InvalidPath):
        jsonpath.compile(path)


def test_a_reference_path_can_be_written():
    at = jsonpath.compile
    assert at("$.a.b").put({"a": {"c": 1}}, 2) == {"a": {"c": 1, "b": 2}}
    assert at("$").put({"a": 1}, 2) == 2
    assert at("$.l[1].x").put({"l": [{}, {"y": 1}]}, 2) == {"l": [{}, {"y": 1, "x": 2}]}
    assert at("$['new name'].deep").put({}, 1) == {"new name": {"deep": 1}}
    with pytest.raises(jsonpath.InvalidPath):
        at("$.a[*]").put({}, 1)


def test_writing_leaves_the_original_as_it_was():
    before = {"a": {"b": 1}}
    jsonpath.compile("$.a.b").put(before, 2)
    assert before == {"a": {"b": 1}}


def test_definite_paths_know_that_they_are():
    assert jsonpath.compile("$.a['b'][0]").parts == ["a", "b", 0]
    assert [jsonpath.compile(p).definite for p in ("$.a", "$.a[*]", "$..a", "$.a[0:1]", "$.a[?(@.x)]")] == [True, False, False, False, False]
