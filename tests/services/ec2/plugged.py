"""Interfaces that are really there, without a machine behind them: what a service's own thing (a load balancer, an endpoint) has. Sockets in their namespaces stand for programs."""
import asyncio

from cloche.services.ec2 import network, public, world


class Plugged:
    def __init__(self, server, cloud, region="us-east-1"):
        self.server, self.cloud, self.region = server, cloud, region
        self.sockets = []

    def __call__(self, coroutine, seconds=20):
        return asyncio.run_coroutine_threadsafe(coroutine, self.server._loop).result(seconds)

    @property
    def call(self):
        cloud = self.server.bell.cloud
        return cloud.internal(cloud.service("ec2"), self.cloud.account, self.region)

    def plug(self, subnet, groups=None, public_address=False):
        """(interface's id, private address, public address)"""
        async def make():
            call = self.call
            with call.step():
                made = public.make_interface(call, subnet, groups, "interface", "a test's", public=public_address)
            await network.ready(call, made.id)
            return made.id, made.private, (made.public_addresses or [""])[0]
        return self(make())

    def release(self, interface):
        async def go():
            call = self.call
            with call.step():
                public.release_interface(call, interface)
        self(go())

    def listen(self, space, port, address="0.0.0.0"):
        async def go():
            made = await world.running(self.call).socket(space, "tcp", address, port)
            loop = asyncio.get_running_loop()

            def heard():
                came, peer = made.accept()
                came.send(peer[0].encode())
                came.close()
            loop.add_reader(made.fileno(), heard)
            self.sockets.append(made)
        self(go())

    def ask(self, space, address, port, request=b"", patience=5):
        """What a connection from there hears; "" where nothing answers in time."""
        async def go():
            loop = asyncio.get_running_loop()
            made = await world.running(self.call).socket(space, "tcp", "", 0, backlog=0)
            try:
                async with asyncio.timeout(patience):
                    await loop.sock_connect(made, (address, port))
                    if request:
                        await loop.sock_sendall(made, request)
                    return (await loop.sock_recv(made, 5000)).decode()
            except TimeoutError:
                return ""
            except ConnectionRefusedError:
                return "refused"
            finally:
                made.close()
        return self(go())

    def settled(self):
        self(self.server.bell.cloud.settle(10))

    def close(self):
        async def go():
            for made in self.sockets:
                asyncio.get_running_loop().remove_reader(made.fileno())
                made.close()
        self(go())
