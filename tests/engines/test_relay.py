"""The relay's engine against sockets on loopback: HTTP as a client, and pipes."""
import asyncio
import socket

import pytest

from cloche.engines.relay.pipes import Datagrams, Pipe
from cloche.engines.relay.upstream import Failed, Pool, connect


def run(work):
    return asyncio.run(asyncio.wait_for(work, 20))


def fresh(kind=socket.SOCK_STREAM):
    made = socket.socket(socket.AF_INET, kind)
    made.setblocking(False)
    return made


async def server(talk):
    made = await asyncio.start_server(talk, "127.0.0.1", 0)
    return made, made.sockets[0].getsockname()[1]


def scripted(*answers):
    """Answers each request of a connection with the next text; after the last it hangs up."""
    async def talk(reader, writer):
        try:
            for text in answers:
                head = await reader.readuntil(b"\r\n\r\n")
                if b"chunked" in head:
                    while await reader.readline() != b"0\r\n":
                        pass
                    await reader.readline()
                writer.write(text)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
    return talk


HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def test_answers_of_every_length_are_read_to_their_end():
    async def main():
        made, port = await server(scripted(
            b"HTTP/1.1 200 Fine\r\nContent-Length: 5\r\n\r\nhello", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            b"HTTP/1.1 304 Same\r\nContent-Length: 10\r\n\r\n", b"HTTP/1.1 200 Ok\r\n\r\nuntil the end"))
        async with made:
            connection = await connect(fresh(), "127.0.0.1", port, 5)
            found = []
            for _ in range(4):
                answer = await connection.ask("GET", HEAD, None, False, 5)
                found.append((answer.status, answer.reason, await answer.body.whole(1000)))
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            assert found == [(200, "Fine", b"hello"), (201, "Made", b"abc"), (304, "Same", b""), (200, "Ok", b"until the end")]
    run(main())


def test_head_has_a_length_and_no_body_and_the_connection_lives_on():
    async def main():
        made, port = await server(scripted(b"HTTP/1.1 200 Ok\r\nContent-Length: 100\r\n\r\n", b"HTTP/1.1 200 Ok\r\nContent-Length: 2\r\n\r\nok"))
        async with made:
            pool, connection = Pool(), await connect(fresh(), "127.0.0.1", port, 5)
            pool.follow("there", connection)
            answer = await connection.ask("HEAD", HEAD, None, False, 5)
            assert await answer.body.whole(10) == b"" and ("Content-Length", "100") in answer.headers
            await asyncio.sleep(0.01)
            again = pool.take("there")
            assert again is connection and await (await again.ask("GET", HEAD, None, False, 5)).body.whole(10) == b"ok"
            pool.close()
    run(main())


@pytest.mark.parametrize("said,why", [(b"nonsense\r\n\r\n", "garbage"), (b"", "closed"), (b"HTTP/1.1 200 Ok\r\nContent-Length: 100\r\n\r\nshort", "closed")])
def test_what_is_no_answer_fails_with_its_reason(said, why):
    async def main():
        made, port = await server(scripted(said))
        async with made:
            connection = await connect(fresh(), "127.0.0.1", port, 5)
            with pytest.raises(Failed) as failed:
                await (await connection.ask("GET", HEAD, None, False, 5)).body.whole(1000)
            assert failed.value.why == why
    run(main())


def test_nobody_there_is_refused_and_nobody_speaking_is_slow():
    async def main():
        made, port = await server(lambda reader, writer: asyncio.sleep(3))
        async with made:
            connection = await connect(fresh(), "127.0.0.1", port, 5)
            with pytest.raises(Failed, match="slow"):
                await connection.ask("GET", HEAD, None, False, 0.05)
        with pytest.raises(Failed, match="refused"):
            await connect(fresh(), "127.0.0.1", port, 5)
    run(main())


def test_a_slow_reader_holds_the_sender_back():
    async def main():
        sent = 0

        async def flood(reader, writer):
            nonlocal sent
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 Ok\r\nContent-Length: 104857600\r\n\r\n")
            try:
                for _ in range(1600):
                    writer.write(bytes(65536))
                    await writer.drain()
                    sent += 65536
            except ConnectionError:
                pass

        made, port = await server(flood)
        async with made:
            connection = await connect(fresh(), "127.0.0.1", port, 5)
            answer = await connection.ask("GET", HEAD, None, False, 5)
            await asyncio.sleep(0.2)
            assert sent < 32 << 20 and answer.body.size < 1 << 20
            connection.drop()
    run(main())


def test_a_body_is_sent_in_chunks_as_it_comes():
    async def main():
        made, port = await server(scripted(b"HTTP/1.1 200 Ok\r\nContent-Length: 2\r\n\r\nok"))

        async def body():
            for part in (b"abc", b"", b"defg"):
                yield part

        async with made:
            connection = await connect(fresh(), "127.0.0.1", port, 5)
            answer = await connection.ask("POST", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", body(), True, 5)
            assert await answer.body.whole(10) == b"ok"
            connection.drop()
    run(main())


def test_a_pipe_passes_bytes_both_ways_and_ends_with_either_side():
    async def main():
        async def shout(reader, writer):
            while data := await reader.read(1000):
                writer.write(data.upper())
            writer.write(b"BYE")
            writer.close()

        target, port = await server(shout)
        ended = []

        async def where(client):
            return fresh(), "127.0.0.1", port, b"proxied "

        front = await asyncio.get_running_loop().create_server(lambda: Pipe(where, 5, 5, on_end=ended.append).client, "127.0.0.1", 0)
        async with target, front:
            reader, writer = await asyncio.open_connection("127.0.0.1", front.sockets[0].getsockname()[1])
            writer.write(b"hello")
            assert await reader.readexactly(13) == b"PROXIED HELLO"
            writer.write_eof()
            assert await reader.read() == b"BYE"                 # the half that is still open
            writer.close()
            await asyncio.sleep(0.01)
        assert len(ended) == 1 and (ended[0].received, ended[0].sent) == (5, 16)
    run(main())


def test_a_pipe_to_nobody_is_reset_and_a_silent_one_ends():
    async def main():
        async def nowhere(client):
            raise OSError("no target")

        front = await asyncio.get_running_loop().create_server(lambda: Pipe(nowhere, 5, 5).client, "127.0.0.1", 0)
        async with front:
            reader, writer = await asyncio.open_connection("127.0.0.1", front.sockets[0].getsockname()[1])
            with pytest.raises(ConnectionResetError):
                assert await reader.read() == b""
                raise ConnectionResetError                       # an orderly end would do as well
            writer.close()
        target, port = await server(lambda reader, writer: asyncio.sleep(3))

        async def where(client):
            return fresh(), "127.0.0.1", port, b""

        front = await asyncio.get_running_loop().create_server(lambda: Pipe(where, 0.05, 5).client, "127.0.0.1", 0)
        async with target, front:
            reader, writer = await asyncio.open_connection("127.0.0.1", front.sockets[0].getsockname()[1])
            try:
                assert await reader.read() == b""
            except ConnectionResetError:
                pass
            writer.close()
    run(main())


def test_datagrams_come_back_to_who_sent_them():
    async def main():
        loop = asyncio.get_running_loop()

        class Echo(asyncio.DatagramProtocol):
            def connection_made(self, transport):
                self.transport = transport

            def datagram_received(self, data, address):
                self.transport.sendto(data[::-1], address)

        class Client(asyncio.DatagramProtocol):
            def __init__(self):
                self.got = loop.create_future()

            def datagram_received(self, data, address):
                self.got.set_result(data)

        target, _ = await loop.create_datagram_endpoint(Echo, ("127.0.0.1", 0))

        async def where(client):
            return fresh(socket.SOCK_DGRAM), *target.get_extra_info("sockname"), b""

        front, flows = await loop.create_datagram_endpoint(lambda: Datagrams(where, 5), ("127.0.0.1", 0))
        clients = [await loop.create_datagram_endpoint(Client, remote_addr=front.get_extra_info("sockname")) for _ in range(2)]
        for i, (transport, _) in enumerate(clients):
            transport.sendto(b"ab%d" % i)
        assert [await client.got for _, client in clients] == [b"0ba", b"1ba"]
        flows.close()
        for transport in (target, *(t for t, _ in clients)):
            transport.close()
    run(main())
