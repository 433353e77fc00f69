"""A cloud in a thread of this process, and one account in it as a test sees it."""
from __future__ import annotations

import asyncio
import json
import threading
import urllib.error
import urllib.request
from functools import cache
from pathlib import Path
from typing import Any

from ..bell import Bell

HOME = "000000000000"


@cache
def _session() -> Any:
    """One for all accounts: what takes time in a client is reading the models, and a session does that once."""
    import boto3
    return boto3.session.Session()


def _numbered(number: int) -> str:
    return f"{100000000000 + number:012d}"


class Account:
    """One account: clients signed as its root user, and the clock of the cloud it lives in."""

    def __init__(self, url: str, account: str, counter: list[int] | None = None) -> None:
        self.url, self.account = url, account
        self.port = int(url.rsplit(":", 1)[1])
        self._counter = counter if counter is not None else [0]
        self._clients: dict[Any, Any] = {}

    def client(self, service: str, region: str = "us-east-1", key: str | None = None, secret: str = "test", token: str | None = None, config: Any = None, **more: Any) -> Any:
        """A boto3 client of this account's root user, or of the given key."""
        from botocore.config import Config

        name = (service, region, key, secret, token)
        if config is None and not more and name in self._clients:
            return self._clients[name]
        plain = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, connect_timeout=5, read_timeout=70, parameter_validation=True)
        client = _session().client(
            service, endpoint_url=self.url, region_name=region, aws_access_key_id=key or ("test" if self.account == HOME else self.account),
            aws_secret_access_key=secret, aws_session_token=token, config=plain.merge(config) if config else plain, **more,
        )
        if config is None and not more:
            self._clients[name] = client
        return client

    def other(self) -> Account:
        """A second account in the same cloud."""
        self._counter[0] += 1
        return Account(self.url, _numbered(self._counter[0]), self._counter)

    @property
    def given(self) -> int:
        """How many accounts `other` has given out."""
        return self._counter[0]

    def forget(self, since: int = 0) -> None:
        """Cancel what the clock has planned for the accounts that `other` has given out since there were so many: nobody does anything more with them."""
        self.control("clock", {"forget": [_numbered(number) for number in range(since + 1, self.given + 1)]})

    def control(self, path: str, value: Any = None, method: str | None = None) -> Any:
        """`/_cloche/...`, as JSON."""
        data = None if value is None else json.dumps(value).encode()
        request = urllib.request.Request(f"{self.url}/_cloche/{path}", data, {"content-type": "application/json"}, method=method or ("GET" if data is None else "POST"))
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.loads(answer.read())

    def advance(self, seconds: float = 0, *, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        """Move the cloud's clock on; returns when what fell due has run."""
        self.control("clock", {"advance_seconds": seconds + 60 * minutes + 3600 * hours + 86400 * days})

    @property
    def now(self) -> float:
        return float(self.control("clock")["now_seconds"])


class Cloche(Account):
    """A whole cloud in a thread: `with Cloche() as cloud:`. Without `data` it leaves nothing behind; with `compute="none"` instances are records."""

    def __init__(self, data: str | Path | None = None, port: int = 0, compute: str = "") -> None:
        self._ready, self._over = threading.Event(), threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(data, port, compute), daemon=True, name="cloche")
        self._thread.start()
        self._ready.wait(30)
        if self._error is not None:
            raise self._error
        super().__init__(f"http://127.0.0.1:{self.bell.port}", HOME)

    def _run(self, data: str | Path | None, port: int, compute: str) -> None:
        async def main() -> None:
            self.bell = Bell(data, port=port, compute=compute, xray_port=0)
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            try:
                await self.bell.start()
            except BaseException as error:
                self._error = error
                return
            finally:
                self._ready.set()
            await self._stop.wait()
            await self.bell.stop()

        try:
            import uvloop
        except ImportError:
            asyncio.run(main())
        else:
            uvloop.run(main())

    def close(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(30)

    def __enter__(self) -> Cloche:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
