"""HTTP APIs: what their operations say, and what clients meet at their door."""
import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from ..apigateway.conftest import backend, call  # noqa: F401


def refused(fn, code, message="", **kw):
    with pytest.raises(ClientError) as it:
        fn(**kw)
    assert it.value.response["Error"]["Code"] == code and message in it.value.response["Error"]["Message"], it.value


class Api:
    def __init__(self, cloud, stage="$default", **more):
        self.cloud, self.gw = cloud, cloud.client("apigatewayv2")
        self.id = self.gw.create_api(Name="test", ProtocolType="HTTP", **more)["ApiId"]
        self.gw.create_stage(ApiId=self.id, StageName=stage, AutoDeploy=True)

    def proxy(self, key, uri, method="ANY", route=None, **more):
        it = self.gw.create_integration(ApiId=self.id, IntegrationType="HTTP_PROXY", IntegrationUri=uri, IntegrationMethod=method, PayloadFormatVersion="1.0", **more)["IntegrationId"]
        return self.gw.create_route(ApiId=self.id, RouteKey=key, Target=f"integrations/{it}", **(route or {}))["RouteId"]

    def call(self, path="/", method="GET", **more):
        return call(self.cloud, self.id, path, method, **more)


def test_an_api_lives(cloud):
    gw = cloud.client("apigatewayv2")
    api = gw.create_api(Name="a", ProtocolType="HTTP", Tags={"x": "y"})
    assert api["ApiEndpoint"] == f"https://{api['ApiId']}.execute-api.us-east-1.amazonaws.com" and api["ProtocolType"] == "HTTP"
    kw = {"ApiId": api["ApiId"]}
    assert gw.update_api(**kw, Description="d", CorsConfiguration={"AllowOrigins": ["*"]})["Description"] == "d"
    gw.delete_cors_configuration(**kw)
    assert "CorsConfiguration" not in gw.get_api(**kw)
    arn = f"arn:aws:apigateway:us-east-1::/apis/{api['ApiId']}"
    gw.tag_resource(ResourceArn=arn, Tags={"p": "q"})
    gw.untag_resource(ResourceArn=arn, TagKeys=["x"])
    assert gw.get_tags(ResourceArn=arn)["Tags"] == {"p": "q"}
    gw.create_api(Name="b", ProtocolType="HTTP")
    first = gw.get_apis(MaxResults="1")
    assert len(first["Items"]) == 1 and len(gw.get_apis(NextToken=first["NextToken"])["Items"]) == 1
    gw.delete_api(**kw)
    refused(gw.get_api, "NotFoundException", "Invalid API identifier specified", **kw)


def test_routes_integrations_and_authorizers_live(cloud):
    gw = cloud.client("apigatewayv2")
    kw = {"ApiId": gw.create_api(Name="a", ProtocolType="HTTP")["ApiId"]}
    it = gw.create_integration(**kw, IntegrationType="HTTP_PROXY", IntegrationUri="http://127.0.0.1:1/", IntegrationMethod="GET", PayloadFormatVersion="1.0")
    assert (it["TimeoutInMillis"], it["ConnectionType"]) == (30000, "INTERNET")
    assert gw.update_integration(**kw, IntegrationId=it["IntegrationId"], TimeoutInMillis=50)["TimeoutInMillis"] == 50
    refused(gw.update_integration, "BadRequestException", **kw, IntegrationId=it["IntegrationId"], TimeoutInMillis=30001)
    assert gw.get_integration(**kw, IntegrationId=it["IntegrationId"])["TimeoutInMillis"] == 50
    target = f"integrations/{it['IntegrationId']}"
    route = gw.create_route(**kw, RouteKey="GET /pets/{id}", Target=target)
    refused(gw.create_route, "ConflictException", "already exists", **kw, RouteKey="GET /pets/{id}")
    for key in ("pets", "FETCH /pets", "GET pets", "GET /{p+}/x"):
        refused(gw.create_route, "BadRequestException", "not formatted properly", **kw, RouteKey=key)
    refused(gw.create_route, "BadRequestException", "Unable to find Integration", **kw, RouteKey="GET /x", Target="integrations/zzz")
    refused(gw.delete_integration, "ConflictException", **kw, IntegrationId=it["IntegrationId"])
    jwt = {"AuthorizerType": "JWT", "IdentitySource": ["$request.header.Authorization"], "JwtConfiguration": {"Issuer": "https://issuer", "Audience": ["me"]}}
    auth = gw.create_authorizer(**kw, Name="j", **jwt)["AuthorizerId"]
    assert gw.update_authorizer(**kw, AuthorizerId=auth, Name="k")["Name"] == "k" == gw.get_authorizer(**kw, AuthorizerId=auth)["Name"]
    gw.update_route(**kw, RouteId=route["RouteId"], AuthorizationType="JWT", AuthorizerId=auth)
    refused(gw.delete_authorizer, "ConflictException", **kw, AuthorizerId=auth)
    assert gw.get_route(**kw, RouteId=route["RouteId"])["AuthorizationType"] == "JWT"
    assert [len(x["Items"]) for x in (gw.get_routes(**kw), gw.get_integrations(**kw), gw.get_authorizers(**kw))] == [1, 1, 1]
    gw.delete_route(**kw, RouteId=route["RouteId"])
    gw.delete_integration(**kw, IntegrationId=it["IntegrationId"])
    gw.delete_authorizer(**kw, AuthorizerId=auth)
    refused(gw.get_route, "NotFoundException", **kw, RouteId=route["RouteId"])


def test_stages_deploy_by_hand_or_by_themselves(cloud, backend):  # noqa: F811
    gw = cloud.client("apigatewayv2")
    kw = {"ApiId": gw.create_api(Name="a", ProtocolType="HTTP")["ApiId"]}
    refused(gw.create_deployment, "BadRequestException", "At least one route", **kw)
    it = gw.create_integration(**kw, IntegrationType="HTTP_PROXY", IntegrationUri=backend, IntegrationMethod="ANY", PayloadFormatVersion="1.0")["IntegrationId"]
    gw.create_route(**kw, RouteKey="$default", Target=f"integrations/{it}")
    gw.create_stage(**kw, StageName="hand", StageVariables={"a": "b"})
    assert call(cloud, kw["ApiId"], "/hand/x").status == 404
    deployment = gw.create_deployment(**kw, StageName="hand", Description="one")["DeploymentId"]
    assert call(cloud, kw["ApiId"], "/hand/x").json["path"] == "/x"
    assert gw.get_stage(**kw, StageName="hand")["DeploymentId"] == deployment
    assert gw.update_deployment(**kw, DeploymentId=deployment, Description="two")["Description"] == "two" == gw.get_deployment(**kw, DeploymentId=deployment)["Description"]
    refused(gw.delete_deployment, "BadRequestException", "Active stages", **kw, DeploymentId=deployment)
    gw.update_stage(**kw, StageName="hand", RouteSettings={"$default": {"ThrottlingRateLimit": 1}}, AccessLogSettings={"DestinationArn": "arn:aws:logs:us-east-1:1:log-group:x", "Format": "$context.status"})
    gw.delete_route_settings(**kw, StageName="hand", RouteKey="$default")
    gw.delete_access_log_settings(**kw, StageName="hand")
    stage = gw.get_stage(**kw, StageName="hand")
    assert stage["RouteSettings"] == {} and "AccessLogSettings" not in stage
    gw.delete_stage(**kw, StageName="hand")
    gw.delete_deployment(**kw, DeploymentId=deployment)
    auto = gw.create_stage(**kw, StageName="auto", AutoDeploy=True)
    gw.create_route(**kw, RouteKey="GET /y", Target=f"integrations/{it}")
    assert gw.get_stage(**kw, StageName="auto")["DeploymentId"] != auto["DeploymentId"]
    assert [d["AutoDeployed"] for d in gw.get_deployments(**kw)["Items"]] == [True]
    gw.reset_authorizers_cache(**kw, StageName="auto")
    assert [s["StageName"] for s in gw.get_stages(**kw)["Items"]] == ["auto"]


def test_quick_create_makes_a_whole_api(cloud, backend):  # noqa: F811
    gw = cloud.client("apigatewayv2")
    api = gw.create_api(Name="q", ProtocolType="HTTP", Target=backend)["ApiId"]
    assert gw.get_stages(ApiId=api)["Items"][0]["StageName"] == "$default"
    assert gw.get_routes(ApiId=api)["Items"][0]["ApiGatewayManaged"] is True
    assert call(cloud, api, "/any/where?a=1").json["path"] == "/any/where?a=1"


def test_the_most_specific_route_wins(cloud, backend):  # noqa: F811
    api = Api(cloud)
    for key in ("GET /pets/dog/1", "GET /pets/dog/{id}", "GET /pets/{proxy+}", "ANY /pets/dog/{id}", "$default"):
        api.proxy(key, backend, RequestParameters={"overwrite:path": "$context.routeKey"})
    for path, method, found in (("/pets/dog/1", "GET", "GET /pets/dog/1"), ("/pets/dog/2", "GET", "GET /pets/dog/{id}"), ("/pets/dog/2", "POST", "ANY /pets/dog/{id}"),
                                ("/pets/cat/1", "GET", "GET /pets/{proxy+}"), ("/test/5", "GET", "$default"), ("/pets/cat/1", "PUT", "$default")):
        assert api.call(path, method).json["path"].replace("%20", " ").replace("%7B", "{").replace("%7D", "}").lstrip("/") == found.lstrip("/")
    other = Api(cloud)
    got = other.call("/none")
    assert (got.status, got.body) == (404, b'{"message":"Not Found"}')


def test_parameters_are_mapped(cloud, backend):  # noqa: F811
    api = Api(cloud)
    api.proxy("POST /p/{id}", backend + "/to/{id}", RequestParameters={
        "append:header.x-a": "$request.querystring.q", "overwrite:header.x-b": "id-$request.path.id".replace("$request.path.id", "${request.path.id}"), "remove:querystring.drop": "''",
        "append:querystring.from": "$request.body.user.name", "overwrite:header.x-ctx": "$context.routeKey"},
        ResponseParameters={"200": {"overwrite:statuscode": "201", "append:header.x-r": "$response.header.x-backend", "append:header.x-m": "$response.body.method"}})
    got = api.call("/p/7?q=1&drop=2", "POST", body='{"user": {"name": "ann"}}', headers={"Content-Type": "application/json"})
    said = got.json
    assert (got.status, got.headers["x-r"], got.headers["x-m"]) == (201, "yes", "POST")
    assert said["path"] == "/to/7?q=1&from=ann"
    named = {n.lower(): v for n, v in said["headers"].items()}
    assert (named["x-a"], named["x-b"], named["x-ctx"]) == ("1", "id-7", "POST /p/{id}")


def test_cors_is_answered_by_configuration(cloud, backend):  # noqa: F811
    api = Api(cloud, CorsConfiguration={"AllowOrigins": ["https://good.example"], "AllowMethods": ["GET", "POST"], "AllowHeaders": ["x-a"], "MaxAge": 60, "ExposeHeaders": ["x-b"]})
    api.proxy("GET /a", backend)
    got = api.call("/a", "OPTIONS", headers={"Origin": "https://good.example", "Access-Control-Request-Method": "GET"})
    assert got.status == 204 and got.headers["access-control-allow-origin"] == "https://good.example"
    assert (got.headers["access-control-allow-methods"], got.headers["access-control-allow-headers"], got.headers["access-control-max-age"]) == ("GET,POST", "x-a", "60")
    assert "access-control-allow-origin" not in api.call("/a", "OPTIONS", headers={"Origin": "https://bad", "Access-Control-Request-Method": "GET"}).headers
    got = api.call("/a", headers={"Origin": "https://good.example"})
    assert (got.headers["access-control-allow-origin"], got.headers["access-control-expose-headers"]) == ("https://good.example", "x-b")


def test_an_unreachable_endpoint_is_a_503(cloud):
    api = Api(cloud)
    api.proxy("$default", "http://127.0.0.1:9/")
    got = api.call("/")
    assert (got.status, got.json) == (503, {"message": "Service Unavailable"})


def test_routes_are_throttled(cloud, backend):  # noqa: F811
    api = Api(cloud)
    api.proxy("GET /a", backend)
    api.gw.update_stage(ApiId=api.id, StageName="$default", DefaultRouteSettings={"ThrottlingRateLimit": 0.01, "ThrottlingBurstLimit": 1})
    assert [api.call("/a").status for _ in range(2)] == [200, 429]
    assert api.call("/a").json == {"message": "Too Many Requests"}


def test_iam_routes_want_a_signature(cloud, backend):  # noqa: F811
    api = Api(cloud)
    api.proxy("GET /a", backend, route={"AuthorizationType": "AWS_IAM"})
    got = api.call("/a")
    assert (got.status, got.json) == (403, {"message": "Forbidden"})
    from ..apigateway.test_auth import signed

    assert api.call("/a", headers=signed(cloud, f"https://{api.id}.execute-api.us-east-1.amazonaws.com/a")).status == 200


@pytest.fixture(scope="module")
def issuer():
    """An identity provider of one key, and a function that makes its tokens."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def b64(data):
        return base64.urlsafe_b64encode(data if isinstance(data, bytes) else json.dumps(data).encode()).decode().rstrip("=")

    numbers = key.public_key().public_numbers()
    jwk = {"kty": "RSA", "kid": "k1", "alg": "RS256", "n": b64(numbers.n.to_bytes(256, "big")), "e": b64(numbers.e.to_bytes(3, "big"))}

    class Provider(BaseHTTPRequestHandler):
        def do_GET(self):
            said = json.dumps({"jwks_uri": f"http://127.0.0.1:{server.server_port}/keys"} if "well-known" in self.path else {"keys": [jwk]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"

    def token(**claims):
        signed = f"{b64({'alg': 'RS256', 'kid': 'k1'})}.{b64({'iss': url, **claims})}"
        return f"{signed}.{b64(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    yield url, token
    server.shutdown()
    server.server_close()


def test_a_jwt_is_verified_against_its_issuer(cloud, backend, issuer):  # noqa: F811
    url, token = issuer
    api = Api(cloud)
    auth = api.gw.create_authorizer(ApiId=api.id, Name="j", AuthorizerType="JWT", IdentitySource=["$request.header.Authorization"], JwtConfiguration={"Issuer": url, "Audience": ["me"]})["AuthorizerId"]
    by_jwt = {"AuthorizationType": "JWT", "AuthorizerId": auth}
    api.proxy("GET /a", backend, route=by_jwt, RequestParameters={"overwrite:header.x-sub": "$context.authorizer.claims.sub"})
    api.proxy("GET /scoped", backend, route={**by_jwt, "AuthorizationScopes": ["pets.read"]})

    def get(path="/a", **claims):
        return api.call(path, headers={"Authorization": "Bearer " + token(**{"aud": "me", "exp": cloud.now + 600, "sub": "ann", **claims})})

    got = get()
    assert got.status == 200 and {n.lower(): v for n, v in got.json["headers"].items()}["x-sub"] == "ann"
    for bad in ({"aud": "you"}, {"exp": cloud.now - 1}, {"iss": "https://other"}, {"nbf": cloud.now + 600}):
        got = get(**bad)
        assert (got.status, got.json) == (401, {"message": "Unauthorized"}), bad
    assert api.call("/a").status == 401
    assert api.call("/a", headers={"Authorization": "Bearer " + token(aud="me", exp=cloud.now + 600)[:-4] + "AAAA"}).status == 401
    assert get("/scoped").status == 403 and get("/scoped", scope="pets.read other").status == 200
    late = token(aud="me", exp=cloud.now + 60)
    cloud.advance(61)
    assert api.call("/a", headers={"Authorization": late}).status == 401


def test_a_disabled_endpoint_is_not_found(cloud, backend):  # noqa: F811
    api = Api(cloud, DisableExecuteApiEndpoint=True)
    api.proxy("$default", backend)
    assert api.call("/").status == 404


def test_access_logs_have_the_stages_format(cloud, backend):  # noqa: F811
    api = Api(cloud)
    api.proxy("GET /a", backend)
    cloud.client("logs").create_log_group(logGroupName="access")
    api.gw.update_stage(ApiId=api.id, StageName="$default", AccessLogSettings={"DestinationArn": f"arn:aws:logs:us-east-1:{cloud.account}:log-group:access", "Format": "$context.routeKey $context.status $context.none"})
    api.call("/a")
    assert [e["message"] for e in cloud.client("logs").filter_log_events(logGroupName="access")["events"]] == ["GET /a 200 -"]


def test_the_control_plane_asks_for_the_path_of_the_resource(cloud):
    from ..apigateway.test_auth import user

    api = cloud.client("apigatewayv2").create_api(Name="a", ProtocolType="HTTP")["ApiId"]
    gw = cloud.client("apigatewayv2", **user(cloud, {"Effect": "Allow", "Action": "apigateway:GET", "Resource": f"arn:aws:apigateway:us-east-1::/apis/{api}/*"}))
    assert gw.get_routes(ApiId=api)["Items"] == []
    refused(gw.get_api, "AccessDeniedException", f"arn:aws:apigateway:us-east-1::/apis/{api}", ApiId=api)
