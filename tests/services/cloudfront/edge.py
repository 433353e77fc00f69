"""A viewer at the edge, distributions in a line, and an origin server of one's own."""
from __future__ import annotations

import http.client
import itertools
import json
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COUNT = itertools.count()
OPTIMIZED, DISABLED = "658327ea-f89d-4fab-a63d-7e88639e58f6", "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_VIEWER_BUT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
EVERY_METHOD = {"Quantity": 7, "Items": ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"], "CachedMethods": {"Quantity": 2, "Items": ["GET", "HEAD"]}}


def listed(*items: Any) -> dict[str, Any]:
    return {"Quantity": len(items), **({"Items": list(items)} if items else {})}


def behaviour(origin: str = "o", policy: str = OPTIMIZED, protocol: str = "allow-all", **more: Any) -> dict[str, Any]:
    chosen = {} if "ForwardedValues" in more else {"CachePolicyId": policy}
    return {"TargetOriginId": origin, "ViewerProtocolPolicy": protocol, **chosen, **more}


def custom(port: int, id_: str = "o", domain: str = "localhost", **more: Any) -> dict[str, Any]:
    own = {"HTTPPort": port, "HTTPSPort": port, "OriginProtocolPolicy": "http-only", **more.pop("own", {})}
    return {"Id": id_, "DomainName": domain, "CustomOriginConfig": own, **more}


def bucket(name: str, id_: str = "o", identity: str = "", **more: Any) -> dict[str, Any]:
    return {"Id": id_, "DomainName": f"{name}.s3.us-east-1.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": identity}, **more}


def config(*origins: dict[str, Any], default: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"CallerReference": f"ref-{next(COUNT)}", "Comment": "", "Enabled": True, "Origins": listed(*origins), "DefaultCacheBehavior": default or behaviour(), **more}


class Seen:
    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.all, self.body = status, headers, body
        self.headers = {name.lower(): value for name, value in headers}

    @property
    def cache(self) -> str:
        return self.headers.get("x-cache", "").removesuffix(" from cloudfront")

    def json(self) -> Any:
        return json.loads(self.body)


def view(cloud: Any, distribution: Any, path: str = "/", method: str = "GET", body: bytes | None = None, host: str = "", **headers: str) -> Seen:
    """Header names are written with underscores: `x_forwarded_proto`."""
    connection = http.client.HTTPConnection("127.0.0.1", cloud.port, timeout=30)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    connection.putheader("Host", host or distribution["DomainName"])
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    seen = Seen(answer.status, answer.getheaders(), answer.read())
    connection.close()
    return seen


def made(cloud: Any, *origins: dict[str, Any], **more: Any) -> dict[str, Any]:
    return cloud.client("cloudfront").create_distribution(DistributionConfig=config(*origins, **more))["Distribution"]


class Origin:
    """`answers[path]` is (status, headers, body), or a function of the request that gives one; `asked` is what came."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[dict[str, Any]] = []
        origin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                if self.headers.get("upgrade") == "websocket":
                    return self.shout()
                length = int(self.headers.get("content-length") or 0)
                seen = {"method": self.command, "target": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}, "body": self.rfile.read(length)}
                origin.asked.append(seen)
                found = origin.answers.get(self.path.partition("?")[0], (200, {"content-type": "text/plain"}, f"hello {len(origin.asked)}".encode()))
                status, headers, body = found(seen) if callable(found) else found
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 304:
                    self.send_header("content-length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD" and status != 304:
                    self.wfile.write(body)

            def shout(self) -> None:
                """What is said after the handshake comes back in capitals."""
                self.send_response(101)
                for name, value in {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": self.headers["sec-websocket-key"][::-1]}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.close_connection = True
                while said := self.connection.recv(100):
                    self.connection.sendall(said.upper())

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = answer

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None             # a client that does not like the certificate hangs up
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


def unzipped(body: bytes) -> bytes:
    return zlib.decompress(body, 31)
