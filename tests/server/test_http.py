"""The socket side: framing, order, limits, big bodies; spoken to in raw bytes."""
import asyncio

import pytest

from cloche.server.http import Server
from cloche.wire.http import FileBody, Response


def talk(handle, *pieces, read=1 << 20):
    """Send the pieces over one connection to a fresh server; what came back until it is quiet or closed."""
    async def go():
        server = Server(handle, lambda: "Tue, 24 Nov 2026 00:00:00 GMT", lambda what: None)
        listener = await server.listen("127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.005)
        out = b""
        while True:
            try:
                part = await asyncio.wait_for(reader.read(read), 0.15)
            except TimeoutError:
                break
            if not part:
                break
            out += part
        writer.close()
        server.close()
        return out
    return asyncio.run(go())


def echo(request, send):
    send(Response(200, [("x-path", request.path)], request.body))


def test_an_answer_carries_length_and_date():
    got = talk(echo, b"POST /a?b=c HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc")
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n") and b"content-length: 3" in head and b"date: Tue, 24 Nov 2026" in head and b"x-path: /a" in head
    assert body == b"abc"


def test_a_request_in_single_bytes_is_the_same_request():
    raw = b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc"
    assert talk(echo, *[raw[i:i + 7] for i in range(0, len(raw), 7)]).endswith(b"\r\n\r\nabc")


def test_pipelined_requests_are_answered_in_their_order():
    waiting = []

    def backwards(request, send):
        waiting.append((request.path, send))
        if len(waiting) == 3:
            for path, send in reversed(waiting):
                send(Response(200, [], path.replace("/", "answer ").encode()))

    got = talk(backwards, b"".join(b"GET /%d HTTP/1.1\r\nhost: x\r\n\r\n" % i for i in range(3)))
    assert got.index(b"answer 0") < got.index(b"answer 1") < got.index(b"answer 2")


def test_head_has_no_body_but_says_how_long_it_would_be():
    got = talk(lambda request, send: send(Response(200, [], b"abcdef")), b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n")
    assert b"content-length: 6" in got and got.endswith(b"\r\n\r\n")


def test_a_long_body_is_a_stream_that_arrives_whole():
    def count(request, send):
        async def go():
            size = 0
            async for part in request.stream:
                size += len(part)
            send(Response(200, [], str(size).encode()))
        asyncio.get_running_loop().create_task(go())

    size = 9 << 20
    assert talk(count, b"PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % size, b"x" * size).endswith(str(size).encode())
    chunked = b"".join(b"%x\r\n%b\r\n" % (4, b"abcd") for _ in range(1000)) + b"0\r\n\r\n"
    assert talk(count, b"PUT / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n", chunked).endswith(b"4000")


def test_a_file_is_sent_from_the_middle(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(bytes(range(256)) * 40000)
    got = talk(lambda request, send: send(Response(206, [], FileBody(str(path), 256 * 10 + 5, 5 << 20))), b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    body = got.partition(b"\r\n\r\n")[2]
    assert len(body) == 5 << 20 and body[:3] == bytes([5, 6, 7])


def test_an_answer_of_unknown_length_is_chunked():
    async def parts():
        yield b"one"
        yield b"two"

    got = talk(lambda request, send: send(Response(200, [], parts())), b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    assert b"transfer-encoding: chunked" in got and got.endswith(b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")


@pytest.mark.parametrize("raw", [b"\x00\x01\x02\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nx: " + b"y" * 70000 + b"\r\n\r\n", b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n"])
def test_what_is_not_http_is_refused_and_the_connection_closed(raw):
    assert talk(echo, raw).startswith(b"HTTP/1.1 400 ")


def test_expect_100_continue_is_answered_before_the_body():
    got = talk(echo, b"PUT / HTTP/1.1\r\nhost: x\r\nauthorization: mine\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n", b"ok")
    assert got.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


def test_a_header_cannot_break_out_of_its_line():
    got = talk(lambda request, send: send(Response(200, [("x-evil", "a\r\nset-cookie: b")], b"")), b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    assert b"\r\nset-cookie" not in got


def test_connection_close_is_kept():
    got = talk(echo, b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\nGET /2 HTTP/1.1\r\nhost: x\r\n\r\n")
    assert got.count(b"HTTP/1.1 200") == 1 and b"connection: close" in got


def test_a_file_that_is_unlinked_right_after_it_was_answered_is_sent_whole(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"x" * 3_000_000)

    def handle(request, send):
        send(Response(200, [], FileBody(str(path), 0, 3_000_000)))
        path.unlink()

    assert talk(handle, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").partition(b"\r\n\r\n")[2] == b"x" * 3_000_000
