"""An engine with its own code directory; `deploy(files)` lays down code and gives a Spec. Each test ends with nothing left behind."""
import asyncio
import itertools
import shutil
import tempfile
from pathlib import Path

import pytest

from cloche.engines.run.invocation import Invocation, Spec
from cloche.engines.run.lambda_runtime import Engine

from .worlds import Lab


class Bench:
    """One event loop for the test's engine: `bench.run(coroutine)`, `bench.call(spec, payload)`."""

    def __init__(self, directory: Path, serve=None):
        self.directory, self.numbers = directory, itertools.count(1)
        self.runner = asyncio.Runner()
        self.engine = Engine(directory / "code", directory / "cache", serve)
        self.environments = []

    def run(self, coroutine):
        return self.runner.run(coroutine)

    def deploy(self, files, runtime="python3.11", handler="index.handler", memory_mb=256, tmp_mb=64, opt=None, variables=None):
        name = f"f{next(self.numbers)}"
        self.lay(name, files)
        if opt is not None:
            self.lay(name + "-opt", opt)
        return Spec(runtime, handler, name, name + "-opt" if opt is not None else None, memory_mb, tmp_mb, variables or {})

    def lay(self, name, files):
        root = self.directory / "code" / name
        root.mkdir(parents=True)
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
            (root / path).chmod(0o755)

    def start(self, spec):
        environment = self.run(self.engine.start(spec))
        self.environments.append(environment)
        return environment

    def call(self, environment, payload=b"{}", timeout=5.0, **more):
        if isinstance(environment, Spec):
            environment = self.start(environment)
        return self.run(environment.invoke(Invocation(f"id-{next(self.numbers)}", payload, "arn:aws:lambda:us-east-1:000000000000:function:f", timeout, **more)))

    def close(self):
        self.run(self.engine.close())
        self.runner.close()


@pytest.fixture(scope="module")
def place():
    directory = Path(tempfile.mkdtemp(prefix="cloche-"))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def bench(place):
    async def serve(sock):
        async def hello(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\ncloche")
            writer.close()
        return await asyncio.start_server(hello, sock=sock)

    bench = Bench(place, serve)
    yield bench
    bench.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("world"))
    yield lab
    lab.close()
