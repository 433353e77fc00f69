"""The store: steps, savepoints, and the commit at the end of a turn."""
import pathlib

import pytest

from cloche.kernel.store import Record, Store


class Thing(Record, frozen=True):
    kind = "test.thing"

    name: str
    size: int = 0

    @property
    def key(self):
        return self.name


@pytest.fixture
def turns(tmp_path):
    """A store whose turns end when the test says so."""
    planned = []
    store = Store(tmp_path / "x.db", planned.append)
    store.db.execute("CREATE TABLE t (x)")
    store.planned = planned
    yield store
    store.close()


def put(store, name, size=0):
    store.change(Thing(name, size), Thing(name, size), "1", "r")


def on_disk(store):
    """What a crash at this moment would leave: the files as they lie."""
    copy = store.path + ".copy"
    for end in ("", "-wal"):
        pathlib.Path(copy + end).write_bytes(pathlib.Path(store.path + end).read_bytes())
    other = Store(copy)
    found = dict(other.table(Thing, "1", "r"))
    other.close()
    return found


def test_what_one_turn_writes_is_one_commit_and_answers_leave_after_it(turns):
    left = []
    with turns:
        put(turns, "a")
        turns.then(left.append, "answer")
    with turns:
        put(turns, "b")
    assert left == [] and on_disk(turns) == {}
    assert len(turns.planned) == 1
    turns.flush()
    assert left == ["answer"] and set(on_disk(turns)) == {"a", "b"}


def test_a_failed_step_leaves_nothing_and_the_others_of_its_turn_stay(turns):
    with turns:
        put(turns, "a", 1)
        turns.write("INSERT INTO t VALUES (1)")
    with pytest.raises(KeyError), turns:
        put(turns, "a", 2)
        put(turns, "b")
        turns.write("INSERT INTO t VALUES (2)")
        raise KeyError
    turns.flush()
    assert on_disk(turns) == {"a": Thing("a", 1)}
    assert turns.run("SELECT x FROM t").fetchall() == [(1,)]


def test_an_inner_step_can_fail_alone(turns):
    with turns:
        put(turns, "outer")
        turns.write("INSERT INTO t VALUES ('outer')")
        with pytest.raises(KeyError), turns:
            put(turns, "inner")
            turns.write("INSERT INTO t VALUES ('inner')")
            raise KeyError
        put(turns, "after")
    turns.flush()
    assert set(on_disk(turns)) == {"outer", "after"}
    assert turns.run("SELECT x FROM t").fetchall() == [("outer",)]


def test_an_outer_failure_takes_the_inner_step_with_it(turns):
    with pytest.raises(KeyError), turns:
        with turns:
            put(turns, "inner")
            turns.write("INSERT INTO t VALUES ('inner')")
        raise KeyError
    turns.flush()
    assert on_disk(turns) == {} and turns.run("SELECT x FROM t").fetchall() == []


def test_reading_and_refusing_write_nothing(turns):
    with turns:
        turns.table(Thing, "1", "r")
    with pytest.raises(KeyError), turns:
        raise KeyError
    assert not turns.open and turns.planned == []


def test_files_of_a_failed_step_are_taken_back(turns, tmp_path):
    path = tmp_path / "body"
    with pytest.raises(KeyError), turns:
        path.write_text("x")
        turns.on_rollback(path.unlink)
        raise KeyError
    assert not path.exists()


def test_a_commit_that_fails_tells_who_waits_and_forgets_what_it_had_in_mind(turns):
    told = []
    turns.lost = told.extend
    with turns:
        put(turns, "a")
        turns.then(print, "never")
    kept = turns.table(Thing, "1", "r")
    turns.db.execute("DROP TABLE record")
    with pytest.raises(Exception, match="no such table"):
        turns.flush()
    assert told == [(print, ("never",))] and not turns.open
    assert not kept, "who remembers an answer with the records it was made from must see that they are gone"


def rows(store):
    return [x for x, in store.run("SELECT x FROM t ORDER BY x")]


@pytest.mark.parametrize("failing", [{0}, {1}, {2}, {0, 1}, {0, 2}, {1, 2}])
def test_each_step_of_a_turn_is_taken_back_alone(turns, failing):
    """The first that writes is taken back with its whole transaction, the others by savepoints: nobody can tell."""
    for n in range(3):
        try:
            with turns:
                put(turns, f"t{n}")
                turns.write("INSERT INTO t VALUES (?)", (n,))
                with pytest.raises(KeyError), turns:
                    turns.write("INSERT INTO t VALUES (?)", (n + 10,))
                    raise KeyError
                with turns:
                    turns.write("INSERT INTO t VALUES (?)", (n + 20,))
                if n in failing:
                    raise ValueError
        except ValueError:
            assert n in failing
    kept = [n for n in range(3) if n not in failing]
    turns.flush()
    assert rows(turns) == kept + [n + 20 for n in kept]
    assert sorted(on_disk(turns)) == [f"t{n}" for n in kept]


def test_records_settled_by_a_step_that_fails_are_still_written(turns):
    with turns:
        put(turns, "early")
    with pytest.raises(ValueError), turns:
        assert turns.scopes("test.thing") == [("1", "r")]  # writes what the turn has so far, to ask the database
        turns.write("INSERT INTO t VALUES (1)")
        raise ValueError
    turns.flush()
    assert sorted(on_disk(turns)) == ["early"] and rows(turns) == []
