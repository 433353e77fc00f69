"""Somebody at the addresses of clusters: a socket for each node on the loopback, and who speaks on a connection.

A connection begins with a greeting and says who it is by a signature, which is answered by nothing: whoever it is not learns it with his next request.
"""
from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec

from cloche.engines import loopback
from cloche.kernel import AwsError, Call
from cloche.kernel.authenticate import authenticate
from cloche.wire import model, sigv4
from cloche.wire.http import Request

from . import answers, caching, cbor, requests
from . import service as dax
from .clusters import Cluster, Node

MAGIC = "J7yne5G"
MOST_BYTES = 20 << 20
HOST = "dax.amazonaws.com"
log = logging.getLogger("cloche")


@dax.boot
def listen_again(call: Call) -> None:
    for where in call.cloud.store.scopes("dax.cluster"):
        there = call.at(*where)
        for cluster in there.all(Cluster):
            there.wake(settle, cluster.name)


@dax.worker
async def settle(call: Call, key: str) -> None:
    """Listen for all nodes that there are, and for no other; then the cluster is what it is to be."""
    cluster = call.get(Cluster, key)
    if cluster is None:
        return
    if cluster.status == "deleting":
        close(call, cluster, set())
        caching.forget(call, cluster)
        with call.step():
            call.delete(cluster)
        return
    open_ = listeners(call)
    nodes = []
    for node in cluster.nodes:
        if (cluster.number, node.id) not in open_:
            node = await opened(call, cluster, node)
        nodes.append(node)
    close(call, cluster, {n.id for n in nodes})
    with call.step():
        now = call.get(Cluster, key)
        if now is not None and now.number == cluster.number and now.status != "deleting":
            call.put(now.but(nodes=nodes, status="available"))


def listeners(call: Call) -> dict[tuple[str, str], asyncio.Server]:
    memory = call.cloud.memory
    if "dax.listeners" not in memory:
        held: dict[tuple[str, str], asyncio.Server] = {}
        memory["dax.listeners"] = held
        call.cloud.closers.append(lambda: [server.close() for server in held.values()])
    return memory["dax.listeners"]  # type: ignore[no-any-return]


def close(call: Call, cluster: Cluster, keep: set[str]) -> None:
    held = listeners(call)
    for number, id_ in [key for key in held if key[0] == cluster.number and key[1] not in keep]:
        held.pop((number, id_)).close()


async def opened(call: Call, cluster: Cluster, node: Node) -> Node:
    """The node with somebody at its address: the one it had, if that is free."""
    cloud, where = call.cloud, (call.account, call.region)

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await Conversation(cloud.internal(dax, *where), cluster.name, cluster.number, node.id, reader, writer).run()

    try:
        sock, address = loopback.bound(node.address, cluster.port)
    except OSError:
        raise AwsError("InsufficientClusterCapacityFault", "There is no free address left for a node") from None
    server = await asyncio.start_server(converse, sock=sock, ssl=loopback.context(cloud.data, "dax", address) if cluster.tls else None)
    listeners(call)[(cluster.number, node.id)] = server
    return msgspec.structs.replace(node, address=address, status="available")


class Conversation:
    """One connection: greeting, then requests one after the other."""

    def __init__(self, call: Call, name: str, number: str, node: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.call, self.name, self.number, self.node, self.reader, self.writer = call, name, number, node, reader, writer
        self.buffer = bytearray()
        self.principal: Any = None
        self.refusal: AwsError | None = None

    async def next(self) -> Any:
        while True:
            try:
                value, end = cbor.item(self.buffer)
                del self.buffer[:end]
                return value
            except cbor.Incomplete as need:
                while len(self.buffer) < need.args[0]:
                    chunk = await self.reader.read(1 << 16)
                    if not chunk or len(self.buffer) > MOST_BYTES:
                        raise EOFError from None
                    self.buffer += chunk

    async def run(self) -> None:
        try:
            if await self.next() != MAGIC:
                return
            for _ in range(4):  # layering, session, who the client is, types
                await self.next()
            while True:
                await self.next()  # the service's number
                method = await self.next()
                if method == requests.AUTHORIZE:
                    self.identify(*[await self.next() for _ in range(5)])
                    continue
                arguments = [await self.next() for _ in range(requests.ARGUMENTS[method])]
                self.writer.write(self.answer(method, arguments))
                await self.writer.drain()
        except (EOFError, ConnectionError, asyncio.CancelledError):
            pass
        except (cbor.Bad, KeyError, ValueError, UnicodeDecodeError) as error:
            log.info("dax: a client of %s said what nobody understands: %r", self.name, error)
        finally:
            self.writer.close()

    def identify(self, key: str, signature: str, signed: bytes, token: str | None, agent: str | None) -> None:
        """The signature is over a request that is always the same but for its date."""
        self.principal, self.refusal = None, None
        try:
            _, date, scope, _ = signed.decode().split("\n")
            headers = {"host": HOST, "x-amz-date": date, "user-agent": agent or "", "authorization":
                       f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders=host;x-amz-date, Signature={signature}"} | ({"x-amz-security-token": token} if token else {})
            request = Request("POST", "/", headers, peer=(self.writer.get_extra_info("peername") or ("",))[0])
            self.principal = authenticate(self.call.cloud, request, sigv4.parse(request), model.load("dax"))
        except (AwsError, sigv4.Malformed, ValueError) as error:
            self.refusal = error if isinstance(error, AwsError) else AwsError("UnrecognizedClientException", "The request's signature cannot be read.")

    def answer(self, method: int, arguments: list[Any]) -> bytes:
        """The bytes of the answer: an empty list and the result, or codes and what they mean."""
        call = self.call
        cluster = call.get(Cluster, self.name)
        if cluster is None or cluster.number != self.number:
            raise EOFError
        if self.principal is None:
            return answers.refused(self.refusal or AwsError("MissingAuthenticationTokenException", "Missing Authentication Token"), call.cloud.new_id(), identity=True)
        asked = requests.Asked(call.as_principal(self.principal), cluster, self.node)
        try:
            with call.step():
                return cbor.EMPTY_ARRAY + requests.METHODS[method](asked, *arguments)
        except AwsError as error:
            return answers.refused(error, call.cloud.new_id())
        except cbor.Bad as error:
            return answers.refused(AwsError("ValidationException", str(error)), call.cloud.new_id())
