"""Ways to an API: build one of single methods, call it by its host as any client would."""
import http.client
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Answer:
    def __init__(self, got):
        self.status, self.body, self.headers = got.status, got.read(), got.headers

    @property
    def json(self):
        return json.loads(self.body)


def call(cloud, api, path="/", method="GET", body=None, headers=None, host=None):
    connection = http.client.HTTPConnection("127.0.0.1", cloud.port, timeout=30)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    connection.putheader("Host", host or f"{api}.execute-api.us-east-1.amazonaws.com")
    content = body.encode() if isinstance(body, str) else body or b""
    for name, value in (headers or {}).items():
        for one in value if isinstance(value, list) else [value]:
            connection.putheader(name, one)
    if content:
        connection.putheader("Content-Length", str(len(content)))
    connection.endheaders(content)
    answer = Answer(connection.getresponse())
    connection.close()
    return answer


class Api:
    """A REST API with methods added one by one."""

    def __init__(self, cloud, **more):
        self.cloud, self.gw = cloud, cloud.client("apigateway")
        made = self.gw.create_rest_api(name="test", **more)
        self.id, self.places = made["id"], {"/": made["rootResourceId"]}

    def place(self, path):
        if path not in self.places:
            above, _, part = path.rpartition("/")
            self.places[path] = self.gw.create_resource(restApiId=self.id, parentId=self.place(above or "/"), pathPart=part)["id"]
        return self.places[path]

    def method(self, path, verb="GET", *, integration=None, responses=None, auth="NONE", **more):
        where = {"restApiId": self.id, "resourceId": self.place(path), "httpMethod": verb}
        self.gw.put_method(**where, authorizationType=auth, **more)
        it = integration or {"type": "MOCK", "requestTemplates": {"application/json": '{"statusCode": 200}'}}
        self.gw.put_integration(**where, **it)
        for status, rule in (responses or ({"200": {}} if not it["type"].endswith("PROXY") else {})).items():
            names = rule.get("responseParameters", {})
            self.gw.put_method_response(**where, statusCode=status, responseParameters={n: False for n in names})
            self.gw.put_integration_response(**where, statusCode=status, **rule)
        return where

    def mock(self, path, verb="GET", template="", request='{"statusCode": 200}', **more):
        return self.method(path, verb, integration={"type": "MOCK", "requestTemplates": {"application/json": request}},
                           responses={"200": {"responseTemplates": {"application/json": template}}}, **more)

    def deploy(self, stage="dev", **more):
        return self.gw.create_deployment(restApiId=self.id, stageName=stage, **more)["id"]

    def call(self, path="/", method="GET", stage="dev", **more):
        return call(self.cloud, self.id, f"/{stage}{path}", method, **more)


@pytest.fixture
def api(cloud):
    return Api(cloud)


@pytest.fixture(scope="session")
def backend():
    """An HTTP server that tells what it was asked; `/status/N` answers N, `/text` plain text."""

    class Echo(BaseHTTPRequestHandler):
        def answer(self):
            size = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(size).decode()
            status = int(self.path.rpartition("/")[2].partition("?")[0]) if self.path.startswith("/status/") else 200
            said = json.dumps({"method": self.command, "path": self.path, "headers": dict(self.headers), "body": body}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("X-Backend", "yes")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = answer

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
