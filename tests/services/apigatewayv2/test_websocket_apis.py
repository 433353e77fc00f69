"""WebSocket APIs, spoken to by a small client of the RFC's own frames."""
import base64
import json
import os
import socket
import urllib.parse

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from ..apigateway.conftest import call
from ..apigateway.test_functions import Functions

KEEPS = """
import json, boto3
def handler(event, context):
    kind = event["requestContext"]["routeKey"]
    if kind == "$connect":
        return {"statusCode": int((event.get("queryStringParameters") or {}).get("status", "200"))}
    if kind == "$disconnect":
        boto3.client("sqs").send_message(QueueUrl="%s", MessageBody=json.dumps(event))
        return {}
    if kind == "fail":
        raise ValueError("no")
    return {"statusCode": 200, "body": json.dumps(event)}
"""


class Refused(Exception):
    def __init__(self, status, body):
        self.status, self.body = status, body


class Client:
    """A browser's side of a WebSocket."""

    def __init__(self, cloud, host, path="/dev", headers=()):
        self.socket = socket.create_connection(("127.0.0.1", cloud.port), 20)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13",
                 *[f"{n}: {v}" for n, v in dict(headers).items()]]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self.buffer = b""
        head = self.until(b"\r\n\r\n").decode()
        if " 101 " not in head.split("\r\n")[0]:
            length = next((int(line.split(":")[1]) for line in head.lower().split("\r\n") if line.startswith("content-length")), 0)
            raise Refused(int(head.split()[1]), self.take(length))

    def until(self, mark):
        while mark not in self.buffer:
            self.more()
        found, _, self.buffer = self.buffer.partition(mark)
        return found

    def take(self, size):
        while len(self.buffer) < size:
            self.more()
        found, self.buffer = self.buffer[:size], self.buffer[size:]
        return found

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("closed")
        self.buffer += data

    def send(self, payload, kind=1):
        payload = payload.encode() if isinstance(payload, str) else payload
        size = len(payload)
        length = bytes((0x80 | size,)) if size < 126 else bytes((0x80 | 126,)) + size.to_bytes(2, "big") if size < 65536 else bytes((0x80 | 127,)) + size.to_bytes(8, "big")
        self.socket.sendall(bytes((0x80 | kind,)) + length + b"\0\0\0\0" + payload)

    def say(self, **document):
        self.send(json.dumps(document))

    def frame(self):
        kind, size = self.take(2)
        size = int.from_bytes(self.take(2), "big") if size == 126 else int.from_bytes(self.take(8), "big") if size == 127 else size
        return kind & 15, self.take(size)

    def hear(self):
        kind, payload = self.frame()
        assert kind == 1, (kind, payload)
        return json.loads(payload)

    def ended(self):
        """The code with which the server closes."""
        kind, payload = self.frame()
        assert kind == 8, (kind, payload)
        return int.from_bytes(payload[:2], "big")

    def close(self):
        self.send((1000).to_bytes(2, "big") + b"bye", 8)
        self.socket.close()


class Chat:
    """An API with one function behind its routes."""

    def __init__(self, cloud):
        self.cloud, self.gw = cloud, cloud.client("apigatewayv2")
        self.id = self.gw.create_api(Name="chat", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")["ApiId"]
        self.host = f"{self.id}.execute-api.us-east-1.amazonaws.com"
        self.queue = cloud.client("sqs").create_queue(QueueName=f"gone-{self.id}")["QueueUrl"]

    def function(self):
        arn = Functions(self.cloud).make("chat", KEEPS % self.queue, self.id)
        self.cloud.client("iam").attach_role_policy(RoleName="chat-role", PolicyArn="arn:aws:iam::aws:policy/AmazonSQSFullAccess")
        return arn

    def integration(self, **more):
        return self.gw.create_integration(ApiId=self.id, **more)["IntegrationId"]

    def route(self, key, integration=None, answers=False, **more):
        target = {"Target": f"integrations/{integration}"} if integration else {}
        made = self.gw.create_route(ApiId=self.id, RouteKey=key, **target, **({"RouteResponseSelectionExpression": "$default"} if answers else {}), **more)["RouteId"]
        if answers:
            self.gw.create_route_response(ApiId=self.id, RouteId=made, RouteResponseKey="$default")
        return made

    def deploy(self, stage="dev", **more):
        if stage not in [s["StageName"] for s in self.gw.get_stages(ApiId=self.id)["Items"]]:
            self.gw.create_stage(ApiId=self.id, StageName=stage, **more)
        self.gw.create_deployment(ApiId=self.id, StageName=stage)

    def client(self, path="/dev", **more):
        return Client(self.cloud, self.host, path, **more)

    def mock(self, key, answers=True, reply='{"id": "$context.connectionId"}', request='{"statusCode": 200}', **more):
        it = self.integration(IntegrationType="MOCK", RequestTemplates={"$default": request}, TemplateSelectionExpression="\\$default")
        self.gw.create_integration_response(ApiId=self.id, IntegrationId=it, IntegrationResponseKey="$default", ResponseTemplates={"$default": reply}, TemplateSelectionExpression="\\$default")
        return self.route(key, it, answers, **more)


@pytest.fixture
def chat(cloud):
    return Chat(cloud)


def manage(chat, method, id_, body=b"", stage="dev", key="test"):
    """The management API at the API's own host, signed as boto3 would."""
    access = "test" if key == "test" and chat.cloud.account == "000000000000" else chat.cloud.account if key == "test" else key[0]
    secret = "test" if key == "test" else key[1]
    path = f"/{stage}/@connections/{urllib.parse.quote(id_, safe='')}"
    request = AWSRequest(method, f"http://{chat.host}{path}", data=body, headers={"Host": chat.host})
    SigV4Auth(Credentials(access, secret), "execute-api", "us-east-1").add_auth(request)
    return call(chat.cloud, chat.id, path, method, body=body, headers={n: v for n, v in request.headers.items() if n.lower() not in ("host", "content-length")})


def test_a_websocket_api_is_described(chat):
    it = chat.gw.get_api(ApiId=chat.id)
    assert (it["ProtocolType"], it["RouteSelectionExpression"], it["ApiEndpoint"]) == ("WEBSOCKET", "$request.body.action", f"wss://{chat.host}")
    with pytest.raises(ClientError, match="RouteSelectionExpression is a required parameter"):
        chat.gw.create_api(Name="x", ProtocolType="WEBSOCKET")
    with pytest.raises(ClientError, match="authorization is restricted"):
        authorizer = chat.gw.create_authorizer(ApiId=chat.id, Name="a", AuthorizerType="REQUEST", IdentitySource=["route.request.header.Auth"],
                                               AuthorizerUri="arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:f/invocations")["AuthorizerId"]
        chat.gw.create_route(ApiId=chat.id, RouteKey="x", AuthorizationType="CUSTOM", AuthorizerId=authorizer)


def test_models_and_responses_live(chat):
    gw, id_ = chat.gw, chat.id
    model = gw.create_model(ApiId=id_, Name="M", Schema="{}", ContentType="application/json")["ModelId"]
    assert gw.update_model(ApiId=id_, ModelId=model, Description="d")["Description"] == "d"
    assert (gw.get_model(ApiId=id_, ModelId=model)["Name"], len(gw.get_models(ApiId=id_)["Items"])) == ("M", 1)
    gw.delete_model(ApiId=id_, ModelId=model)
    route = chat.mock("say")
    [response] = gw.get_route_responses(ApiId=id_, RouteId=route)["Items"]
    assert gw.update_route_response(ApiId=id_, RouteId=route, RouteResponseId=response["RouteResponseId"], ModelSelectionExpression="a")["ModelSelectionExpression"] == "a"
    assert gw.get_route_response(ApiId=id_, RouteId=route, RouteResponseId=response["RouteResponseId"])["RouteResponseKey"] == "$default"
    with pytest.raises(ClientError, match="already exists"):
        gw.create_route_response(ApiId=id_, RouteId=route, RouteResponseKey="$default")
    gw.delete_route_response(ApiId=id_, RouteId=route, RouteResponseId=response["RouteResponseId"])
    it = gw.get_route(ApiId=id_, RouteId=route)["Target"].split("/")[1]
    [answer] = gw.get_integration_responses(ApiId=id_, IntegrationId=it)["Items"]
    assert gw.update_integration_response(ApiId=id_, IntegrationId=it, IntegrationResponseId=answer["IntegrationResponseId"], IntegrationResponseKey="/200/")["IntegrationResponseKey"] == "/200/"
    assert gw.get_integration_response(ApiId=id_, IntegrationId=it, IntegrationResponseId=answer["IntegrationResponseId"])["ResponseTemplates"]
    gw.delete_integration_response(ApiId=id_, IntegrationId=it, IntegrationResponseId=answer["IntegrationResponseId"])
    gw.update_route(ApiId=id_, RouteId=route, RequestParameters={"route.request.querystring.q": {"Required": False}})
    gw.delete_route_request_parameter(ApiId=id_, RouteId=route, RequestParameterKey="route.request.querystring.q")
    with pytest.raises(ClientError, match="NotFound"):
        gw.delete_route_request_parameter(ApiId=id_, RouteId=route, RequestParameterKey="route.request.querystring.q")


def test_the_message_names_its_route_and_a_route_response_answers(chat):
    chat.mock("say")
    chat.mock("quiet", answers=False)
    chat.mock("$default", reply='{"default": true}')
    chat.deploy()
    me = chat.client()
    me.say(action="say", text="hello")
    first = me.hear()
    assert first["id"]
    for unknown in ('{"action": "other"}', "not json", '{"action": "$connect"}'):
        me.send(unknown)
        assert me.hear() == {"default": True}
    me.say(action="quiet")
    me.say(action="say")
    assert me.hear()["id"] == first["id"]
    me.send(b"ping", 9)
    assert me.frame() == (10, b"ping")
    me.close()


def test_without_a_route_a_client_is_told_so(chat):
    chat.mock("say")
    chat.mock("broken", request="no status")
    chat.deploy()
    me = chat.client()
    me.say(action="none")
    said = me.hear()
    assert said["message"] == "Forbidden" and said["connectionId"] and said["requestId"]
    me.say(action="broken")
    assert me.hear()["message"] == "Internal server error"
    me.close()
    with pytest.raises(Refused) as caught:
        chat.client("/none")
    assert caught.value.status == 403


def test_connect_may_refuse_the_handshake(chat):
    for status in (200, 401):
        it = chat.integration(IntegrationType="MOCK", RequestTemplates={"$default": f'{{"statusCode": {status}}}'}, TemplateSelectionExpression="\\$default")
        if status == 200:
            route = chat.route("$connect", it)
        else:
            chat.gw.update_route(ApiId=chat.id, RouteId=route, Target=f"integrations/{it}")
        chat.deploy()
        if status == 200:
            chat.client().close()
    with pytest.raises(Refused) as caught:
        chat.client()
    assert caught.value.status == 401


def test_functions_hear_of_every_turn_of_a_connection(chat):
    it = chat.integration(IntegrationType="AWS_PROXY", IntegrationUri=f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{chat.function()}/invocations")
    for key in ("$connect", "$disconnect", "fail", "echo"):
        chat.route(key, it, answers=key == "echo")
    chat.deploy(StageVariables={"v": "1"})
    with pytest.raises(Refused) as caught:
        chat.client("/dev?status=403")
    assert caught.value.status == 403
    me = chat.client("/dev?q=1", headers={"User-Agent": "me"})
    me.say(action="echo", n=1)
    event = me.hear()
    context = event["requestContext"]
    assert (context["routeKey"], context["eventType"], context["messageDirection"], context["stage"], context["apiId"], context["domainName"]) == ("echo", "MESSAGE", "IN", "dev", chat.id, chat.host)
    assert (json.loads(event["body"]), event["isBase64Encoded"], event["stageVariables"], context["identity"]["userAgent"]) == ({"action": "echo", "n": 1}, False, {"v": "1"}, "me")
    assert context["connectionId"] and context["messageId"] and context["connectedAt"] <= context["requestTimeEpoch"]
    me.say(action="fail")
    assert me.hear()["message"] == "Internal server error"
    me.close()
    heard = chat.cloud.client("sqs").receive_message(QueueUrl=chat.queue, WaitTimeSeconds=10).get("Messages")
    assert heard, [event["message"] for event in chat.cloud.client("logs").filter_log_events(logGroupName="/aws/lambda/chat")["events"]]
    told = json.loads(heard[0]["Body"])["requestContext"]
    assert (told["eventType"], told["routeKey"], told["connectionId"], told["disconnectStatusCode"], told["disconnectReason"]) == ("DISCONNECT", "$disconnect", context["connectionId"], 1000, "bye")


def test_connections_are_spoken_to_looked_at_and_ended(chat):
    chat.mock("who")
    chat.deploy()
    me = chat.client(headers={"User-Agent": "me"})
    me.say(action="who")
    id_ = me.hear()["id"]
    api = chat.cloud.client("apigatewaymanagementapi")
    assert manage(chat, "POST", id_, b'{"to": "you"}').status == 200
    assert me.hear() == {"to": "you"}
    api.post_to_connection(ConnectionId=id_, Data=b'{"again": 1}')                            # the very client, wherever it is pointed
    assert me.hear() == {"again": 1}
    seen = manage(chat, "GET", id_).json
    assert seen["identity"] == {"sourceIp": "127.0.0.1", "userAgent": "me"} and seen["connectedAt"] and seen["lastActiveAt"]
    assert api.get_connection(ConnectionId=id_)["Identity"]["UserAgent"] == "me"
    with pytest.raises(ClientError, match="PayloadTooLargeException"):
        api.post_to_connection(ConnectionId=id_, Data=b"x" * ((128 << 10) + 1))
    assert manage(chat, "DELETE", id_).status == 204
    assert me.ended() == 1000
    for gone in (manage(chat, "POST", id_, b"x"), manage(chat, "GET", "nobody=")):
        assert (gone.status, gone.headers["x-amzn-ErrorType"].partition(":")[0]) == (410, "GoneException")
    with pytest.raises(ClientError, match="GoneException"):
        api.delete_connection(ConnectionId=id_)


def test_managing_connections_needs_the_permission(chat):
    chat.mock("who")
    chat.deploy()
    me = chat.client()
    me.say(action="who")
    id_ = me.hear()["id"]
    iam = chat.cloud.client("iam")
    iam.create_user(UserName="ana")
    key = iam.create_access_key(UserName="ana")["AccessKey"]
    ana = (key["AccessKeyId"], key["SecretAccessKey"])
    assert manage(chat, "POST", id_, b"{}", key=ana).status == 403
    arn = f"arn:aws:execute-api:us-east-1:{chat.cloud.account}:{chat.id}/dev/POST/@connections/*"
    iam.put_user_policy(UserName="ana", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "execute-api:ManageConnections", "Resource": arn}]}))
    assert manage(chat, "POST", id_, b"{}", key=ana).status == 200
    assert me.hear() == {}
    assert manage(chat, "DELETE", id_, key=ana).status == 403
    me.close()


def test_a_silent_connection_is_closed_after_ten_minutes_and_any_after_two_hours(chat):
    chat.mock("say")
    chat.deploy()
    me, talker = chat.client(), chat.client()
    chat.cloud.advance(minutes=5)
    talker.say(action="say")
    talker.hear()
    chat.cloud.advance(minutes=6)
    assert me.ended() == 1001
    for _ in range(13):
        talker.say(action="say")
        talker.hear()
        chat.cloud.advance(minutes=9)
    assert talker.ended() == 1001


def test_a_frame_over_thirty_two_kilobytes_ends_the_connection(chat):
    chat.mock("$default", reply='{"ok": 1}')
    chat.deploy()
    me = chat.client()
    me.send("x" * (32 << 10))
    assert me.hear() == {"ok": 1}
    me.send("x" * ((32 << 10) + 1))
    assert me.ended() == 1009


def test_a_message_of_several_frames_has_128_kilobytes(chat):
    chat.mock("$default", reply='{"ok": 1}')
    chat.deploy()
    me = chat.client()
    whole = 128 << 10

    def say(size):
        left, first = size, True
        while left:
            part = min(left, 32 << 10)
            left -= part
            me.socket.sendall(bytes(((0x80 if not left else 0) | (1 if first else 0), 0x80 | 126 if part < 65536 else 0x80 | 127)) + part.to_bytes(2, "big") + b"\0\0\0\0" + b"x" * part)
            first = False

    say(whole)
    assert me.hear() == {"ok": 1}
    say(whole + 1)
    assert me.ended() == 1009


def test_a_signed_handshake_is_asked_for(chat):
    chat.mock("$connect", answers=False, AuthorizationType="AWS_IAM")
    chat.deploy()
    with pytest.raises(Refused) as caught:
        chat.client()
    assert caught.value.status == 403
    access = "test" if chat.cloud.account == "000000000000" else chat.cloud.account
    request = AWSRequest("GET", f"https://{chat.host}/dev")
    SigV4QueryAuth(Credentials(access, "test"), "execute-api", "us-east-1").add_auth(request)
    chat.client("/dev?" + request.url.partition("?")[2]).close()


AUTHORIZER = """
def handler(event, context):
    said = event["headers"].get("Auth")
    return {"principalId": "me", "context": {"level": "high"}, "policyDocument": {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow" if said == "yes" else "Deny", "Action": "execute-api:Invoke", "Resource": event["methodArn"]}]}}
"""


def test_a_function_decides_who_may_connect_and_what_it_says_goes_with_the_events(chat):
    arn = Functions(chat.cloud).make("auth", AUTHORIZER, chat.id)
    authorizer = chat.gw.create_authorizer(ApiId=chat.id, Name="a", AuthorizerType="REQUEST", IdentitySource=["route.request.header.Auth"],
                                           AuthorizerUri=f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations")["AuthorizerId"]
    chat.mock("$connect", answers=False, AuthorizationType="CUSTOM", AuthorizerId=authorizer)
    chat.mock("who", reply='{"level": "$context.authorizer.level", "principal": "$context.authorizer.principalId"}')
    chat.deploy()
    for headers, status in ((None, 401), ({"Auth": "no"}, 403)):
        with pytest.raises(Refused) as caught:
            chat.client(headers=headers or {})
        assert caught.value.status == status
    me = chat.client(headers={"Auth": "yes"})
    me.say(action="who")
    assert me.hear() == {"level": "high", "principal": "me"}
    me.close()


def test_a_template_makes_a_websocket_api(cloud):
    template = {"Resources": {
        "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "t", "ProtocolType": "WEBSOCKET", "RouteSelectionExpression": "$request.body.action"}},
        "It": {"Type": "AWS::ApiGatewayV2::Integration", "Properties": {
            "ApiId": {"Ref": "Api"}, "IntegrationType": "MOCK", "RequestTemplates": {"$default": '{"statusCode": 200}'}, "TemplateSelectionExpression": "\\$default"}},
        "Answer": {"Type": "AWS::ApiGatewayV2::IntegrationResponse", "Properties": {
            "ApiId": {"Ref": "Api"}, "IntegrationId": {"Ref": "It"}, "IntegrationResponseKey": "$default", "ResponseTemplates": {"$default": '{"made": true}'}}},
        "Route": {"Type": "AWS::ApiGatewayV2::Route", "Properties": {
            "ApiId": {"Ref": "Api"}, "RouteKey": "$default", "Target": {"Fn::Sub": "integrations/${It}"}, "RouteResponseSelectionExpression": "$default"}},
        "Response": {"Type": "AWS::ApiGatewayV2::RouteResponse", "Properties": {"ApiId": {"Ref": "Api"}, "RouteId": {"Ref": "Route"}, "RouteResponseKey": "$default"}},
        "Model": {"Type": "AWS::ApiGatewayV2::Model", "Properties": {"ApiId": {"Ref": "Api"}, "Name": "M", "Schema": {"type": "object"}}},
        "Stage": {"Type": "AWS::ApiGatewayV2::Stage", "DependsOn": ["Route", "Response", "Answer"], "Properties": {"ApiId": {"Ref": "Api"}, "StageName": "dev", "AutoDeploy": True}},
    }, "Outputs": {"Id": {"Value": {"Ref": "Api"}}}}
    cfn = cloud.client("cloudformation")
    cfn.create_stack(StackName="w", TemplateBody=json.dumps(template))
    cfn.get_waiter("stack_create_complete").wait(StackName="w", WaiterConfig={"Delay": 0.1, "MaxAttempts": 100})
    id_ = cfn.describe_stacks(StackName="w")["Stacks"][0]["Outputs"][0]["OutputValue"]
    me = Client(cloud, f"{id_}.execute-api.localhost")
    me.send("hello")
    assert me.hear() == {"made": True}
    me.close()
    cfn.delete_stack(StackName="w")
    cfn.get_waiter("stack_delete_complete").wait(StackName="w", WaiterConfig={"Delay": 0.1, "MaxAttempts": 100})
