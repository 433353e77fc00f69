"""Strange requests and strange answers never break the door."""
import json

import pytest

from .conftest import Api, call
from .test_functions import AS_TOLD, Functions, proxied

PATHS = ["/dev", "/dev/", "//", "/", "/dev//", "/dev/%ff%00", "/dev/%", "/dev/a%2fb", "/dev/a?%", "/dev/a?=&&=&a", "/dev/a?" + "&".join(f"q{i}=1" for i in range(3000)), "/dev/" + "a/" * 3000,
         "/dev/../../etc", "/dev/{proxy+}", "/dev/a?x=%f0%9f%98%80", "/%64ev/a", "/dev/a;b=c"]
BODIES = [b"", b"\xff\xfe", b'{"a": "\\ud800"}', b"[" * 5000, b"null", b"1e999", b'{"a": NaN}', b"x" * 100_000]
TEMPLATE = "$input.json('$')|$input.path('$.a')|$input.params()|$input.body|$context|$util|$input|#foreach($k in $input.params().header.keySet())$k#end"


@pytest.fixture
def strange(cloud):
    api = Api(cloud)
    request = "#set($x = $input.path('$.a'))#set($y = $input.json('$'))" + '{"statusCode": 200}'
    api.mock("/{proxy+}", "ANY", request=request, template=TEMPLATE)
    api.mock("/", "ANY", request=request, template=TEMPLATE)
    api.deploy()
    return api


@pytest.mark.parametrize("path", PATHS, ids=range(len(PATHS)))
def test_no_path_is_a_fault(strange, path):
    got = call(strange.cloud, strange.id, path)
    assert got.status in (200, 403) and b"fault" not in got.body.lower()


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_no_body_is_a_fault(strange, body):
    for media in ("application/json", "application/x-www-form-urlencoded", ";;;", "a/b; charset=nonsense"):
        got = call(strange.cloud, strange.id, "/dev/a", "POST", body=body, headers={"Content-Type": media, "X-Strange": "\xe9\xff", "Accept": ",;q=,*/*"})
        assert got.status in (200, 500) and b"Cloche" not in got.body, (got.status, got.body[:200])


def test_no_answer_of_a_function_breaks_the_framing(cloud):
    api = Api(cloud)
    api.method("/a", "POST", integration=proxied(Functions(cloud).make("told", AS_TOLD, api.id)))
    api.deploy()
    for answer, status in (({"statusCode": 204, "body": "a body"}, 204), ({"statusCode": 100}, 502), ({"statusCode": 200, "headers": {"Content-Length": "9999", "Transfer-Encoding": "chunked"}, "body": "x"}, 200),
                           ({"statusCode": 200, "headers": {"a: b\r\nInjected": "1", "X-Ok": "a\r\nInjected: 2"}}, 200), ({"statusCode": 200, "body": "\ud800"}, 200),
                           ({"statusCode": 200, "headers": {"X-S": "\ud800é"}}, 200), ({"statusCode": 10**30}, 502), ({"statusCode": True}, 502), ({"statusCode": 200, "multiValueHeaders": {"a": 7}}, 502)):
        got = api.call("/a", "POST", body=json.dumps(answer))
        assert got.status == status and "injected" not in {n.lower() for n in got.headers}, (answer, got.status, got.body)
        assert api.call("/a", "POST", body='{"statusCode": 201}').status == 201
