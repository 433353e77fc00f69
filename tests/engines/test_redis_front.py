"""What passes to a Redis server of what a client says, however it comes in pieces."""
import pytest

from cloche.engines.db.redis_front import Filter


def resp(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


SAID = resp(b"SET", b"k", b"v" * 3000) + resp(b"psync", b"?", b"-1") + b"PING\r\n" + resp(b"ACL", b"setuser", b"x") + resp(b"acl", b"WHOAMI") + resp(b"ACL") + b"SYNC\r\n" + resp(b"SYNC") + b"*0\r\n" + resp(b"GET", b"*1\r\n")
HEARD = (resp(b"SET", b"k", b"v" * 3000) + resp(b"psync\0", b"?", b"-1") + b"PING\r\n" + resp(b"ACL\0", b"setuser", b"x") + resp(b"acl", b"WHOAMI") + resp(b"ACL") + resp(b"SYNC\0") + resp(b"SYNC\0")
         + resp(b"GET", b"*1\r\n"))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000, 10_000])
def test_withheld_names_become_unknown_and_all_else_passes_as_it_is(size):
    one = Filter(b"\0")
    assert b"".join(one.pass_on(SAID[at:at + size]) for at in range(0, len(SAID), size)) == HEARD and one.kept == b""


@pytest.mark.parametrize("said", [b"x" * 200_000, b"*1\r\n:5\r\n", b"*1\r\n$-1\r\n", b"*x\r\n", b"*1\r\n$999999\r\n"])
def test_what_is_no_protocol_ends_the_connection(said):
    with pytest.raises(ValueError):
        Filter(b"\0").pass_on(said)
