"""Targets with an address in the VPC and security groups of their own: an interface, a socket in its namespace, and a small HTTP server on it."""
import asyncio

from cloche.iam import principal as principals
from cloche.kernel import Call
from cloche.services.ec2 import public as ec2


class Machine:
    """`behave(method, target, headers, body)` gives (status, headers, body), or bytes to say as they are, or None to say nothing."""

    def __init__(self, lb, subnet, groups, behave, port=80, bare=None):
        self.lb, self.behave, self.asked, self.port, self.peers = lb, behave, [], port, []
        self.bare = bare
        self.inside(self._start(subnet, groups))

    def inside(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.lb.server._loop).result(20)

    async def _start(self, subnet, groups):
        cloud = self.lb.server.bell.cloud
        self.call = Call(cloud, cloud.service("elbv2"), self.lb.cloud.account, "us-east-1", principals.inside(self.lb.cloud.account), "test")
        with self.call.step():
            made = ec2.make_interface(self.call, subnet, groups, "interface", "a target in a test", owner="test")
        self.interface, self.address = made.id, made.private
        self.world = await ec2.plugged_in(self.call, made.id)
        await self._listen()

    async def _listen(self):
        sock = await self.world.socket(self.interface, "tcp", self.address, self.port)
        self.server = await asyncio.start_server(self.bare or self._serve, sock=sock)

    async def _serve(self, reader, writer):
        self.peers.append(writer.get_extra_info("peername")[0])
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                first, *lines = head.decode("latin-1").split("\r\n")[:-2]
                method, target, _ = first.split(" ")
                headers = [tuple(line.split(": ", 1)) for line in lines]
                low = {name.lower(): value for name, value in headers}
                body = await reader.readexactly(int(low.get("content-length", 0)))
                if low.get("transfer-encoding") == "chunked":
                    while size := int(await reader.readline(), 16):
                        body += (await reader.readexactly(size + 2))[:-2]
                    await reader.readline()
                if low.get("user-agent") != "ELB-HealthChecker/2.0":
                    self.asked.append((method, target, headers, body))
                said = self.behave(method, target, headers, body)
                if said is None:
                    await asyncio.sleep(30)
                elif isinstance(said, bytes):
                    writer.write(said)
                    return
                else:
                    status, more, data = said
                    text = "".join(f"{name}: {value}\r\n" for name, value in more)
                    writer.write(f"HTTP/1.1 {status} OK\r\n{text}Content-Length: {len(data)}\r\n\r\n".encode() + (b"" if method == "HEAD" else data))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def stop(self):
        """Nobody listens any more: calls are refused."""
        async def close():
            self.server.close()
        self.inside(close())

    def start(self):
        self.inside(self._listen())

    def end(self):
        async def over():
            self.server.close()
            with self.call.step():
                ec2.release_interface(self.call, self.interface)
        self.inside(over())


def tells(name, more=()):
    return lambda method, target, headers, body: (200, [("content-type", "text/plain"), *more], name.encode())
