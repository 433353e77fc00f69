"""Bytes and texts: binary media types, the first type of Accept, and the conversions of a mapped integration."""
import base64
import json

import pytest

from .conftest import Api
from .test_functions import Functions, proxied

PNG = b"\x89PNG\r\n\xff\x00"
IMAGE = "import base64\ndef handler(event, context):\n    return {'statusCode': 200, 'headers': {'Content-Type': 'image/png'}, 'isBase64Encoded': True, 'body': '" + base64.b64encode(PNG).decode() + "'}\n"


def test_the_first_type_of_accept_decides_whether_bytes_leave_as_bytes(cloud):
    api, functions = Api(cloud, binaryMediaTypes=["image/png"]), Functions(cloud)
    api.method("/i", integration=proxied(functions.make("image", IMAGE, api.id)))
    api.deploy()
    for accept, body in (("image/png", PNG), ("image/png, text/html", PNG), ("text/html, image/png", base64.b64encode(PNG)), ("image/webp", base64.b64encode(PNG))):
        assert api.call("/i", headers={"Accept": accept}).body == body, accept
    api.gw.update_rest_api(restApiId=api.id, patchOperations=[{"op": "add", "path": "/binaryMediaTypes/*~1*"}])
    assert api.call("/i").body == base64.b64encode(PNG), "the types are part of the deployment"
    api.deploy()
    assert api.call("/i").body == PNG and api.call("/i", headers={"Accept": "text/html"}).body == PNG


@pytest.fixture
def mirror():
    """A backend that says back the very bytes it was sent."""
    import threading
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Mirror(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            self.send_response(200)
            self.send_header("Content-Type", self.headers.get("x-say", "application/json"))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_content_is_converted_as_the_integration_and_its_answer_say(cloud, mirror):
    api = Api(cloud, binaryMediaTypes=["image/png"])
    packed = base64.b64encode(PNG).decode()

    def way(path, handling=None, back=None, **more):
        it = {"type": "HTTP", "integrationHttpMethod": "POST", "uri": mirror, **({"contentHandling": handling} if handling else {}), **more}
        api.method(path, "POST", integration=it, responses={"200": {"contentHandling": back} if back else {}})

    way("/as-it-is")
    way("/to-text", "CONVERT_TO_TEXT")
    way("/wrapped", "CONVERT_TO_TEXT", requestTemplates={"image/png": '{"image": "$input.body"}'})
    way("/to-binary", "CONVERT_TO_BINARY")
    way("/back-to-binary", "CONVERT_TO_TEXT", "CONVERT_TO_BINARY")
    api.deploy()
    image = {"Content-Type": "image/png", "Accept": "image/png"}
    assert api.call("/as-it-is", "POST", body=PNG, headers=image).body == PNG
    assert api.call("/to-text", "POST", body=PNG, headers=image).body == packed.encode()
    assert json.loads(api.call("/wrapped", "POST", body=PNG, headers=image).body) == {"image": packed}
    assert api.call("/to-binary", "POST", body=packed, headers={"Content-Type": "text/plain"}).body == PNG
    assert api.call("/back-to-binary", "POST", body=PNG, headers=image).body == PNG
