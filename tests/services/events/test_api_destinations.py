import http.server
import json
import threading

import pytest


@pytest.fixture
def endpoint():
    """A web server that writes down what it is sent: `.got` is [(method, path, headers, body)], `.status` what it answers."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            server.got.append((self.command, self.path, dict(self.headers), self.rfile.read(int(self.headers["content-length"])).decode()))
            self.send_response(server.status)
            self.send_header("content-length", "0")
            self.end_headers()

        do_PUT = do_POST

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.status = [], 200
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def role(cloud):
    iam = cloud.client("iam")
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    arn = iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "events:InvokeApiDestination", "Resource": "*"}]}))
    return arn


def destination(bridge, endpoint, path="/hook", **auth):
    connection = bridge.events.create_connection(Name="c", AuthorizationType="API_KEY", AuthParameters={"ApiKeyAuthParameters": {"ApiKeyName": "x-key", "ApiKeyValue": "secret"}} | auth)
    assert connection["ConnectionState"] == "AUTHORIZED"
    return bridge.events.create_api_destination(Name="d", ConnectionArn=connection["ConnectionArn"], InvocationEndpoint=endpoint.url + path, HttpMethod="POST")["ApiDestinationArn"]


def test_an_endpoint_is_called_with_the_connections_key_and_parameters(bridge, endpoint, role):
    arn = destination(bridge, endpoint, "/hook/*/x", InvocationHttpParameters={"BodyParameters": [{"Key": "extra", "Value": "1"}], "QueryStringParameters": [{"Key": "q", "Value": "a b"}]})
    bridge.rule(pattern={"source": ["my.app"]})
    bridge.target(arn=arn, RoleArn=role, InputPath="$.detail", HttpParameters={"PathParameterValues": ["p/1"], "HeaderParameters": {"x-more": "m"}})
    bridge.put(detail={"n": 1})
    bridge.cloud.advance(0)
    [(method, path, headers, body)] = endpoint.got
    assert method == "POST" and path == "/hook/p%2F1/x?q=a+b" and json.loads(body) == {"n": 1, "extra": "1"}
    assert headers["x-key"] == "secret" and headers["x-more"] == "m" and headers["User-Agent"] == "Amazon/EventBridge/ApiDestinations"


def test_a_failing_endpoint_is_tried_again_and_then_the_event_is_a_dead_letter(bridge, endpoint, role):
    dead, dead_arn = bridge.queue("dead")
    bridge.rule(pattern={"source": ["my.app"]})
    bridge.target(arn=destination(bridge, endpoint), RoleArn=role, RetryPolicy={"MaximumRetryAttempts": 3}, DeadLetterConfig={"Arn": dead_arn})
    endpoint.status = 500
    bridge.put(detail={"n": 1})
    bridge.cloud.advance(60)
    assert len(endpoint.got) == 4
    assert [e["detail"] for e in bridge.got(dead)] == [{"n": 1}]
    attributes = {name: value["StringValue"] for name, value in bridge.last[0]["MessageAttributes"].items()}
    assert attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumRetryAttempts" and attributes["RETRY_ATTEMPTS"] == "3"


def test_an_endpoint_is_not_called_faster_than_its_rate(bridge, endpoint, role):
    arn = destination(bridge, endpoint)
    bridge.events.update_api_destination(Name="d", InvocationRateLimitPerSecond=1)
    bridge.rule(pattern={"source": ["my.app"]})
    bridge.target(arn=arn, RoleArn=role)
    bridge.events.put_events(Entries=[{"Source": "my.app", "DetailType": "x", "Detail": "{}"}] * 10)
    bridge.events.put_events(Entries=[{"Source": "my.app", "DetailType": "x", "Detail": "{}"}] * 2)
    bridge.cloud.advance(1)
    assert len(endpoint.got) == 10
    bridge.cloud.advance(15)
    assert len(endpoint.got) == 12


def test_connections_and_destinations_are_described_without_their_secrets(bridge, endpoint, refused):
    arn = destination(bridge, endpoint)
    found = bridge.events.describe_connection(Name="c")
    assert found["AuthParameters"] == {"ApiKeyAuthParameters": {"ApiKeyName": "x-key"}} and found["AuthorizationType"] == "API_KEY"
    assert refused(bridge.events.create_connection, Name="c", AuthorizationType="BASIC", AuthParameters={"BasicAuthParameters": {"Username": "u", "Password": "p"}})[0] == "ResourceAlreadyExistsException"
    bridge.events.update_connection(Name="c", AuthorizationType="BASIC", AuthParameters={"BasicAuthParameters": {"Username": "u", "Password": "p"}})
    assert [c["AuthorizationType"] for c in bridge.events.list_connections()["Connections"]] == ["BASIC"]
    bridge.events.update_api_destination(Name="d", HttpMethod="PUT", Description="x")
    described = bridge.events.describe_api_destination(Name="d")
    assert described["HttpMethod"] == "PUT" and described["Description"] == "x" and described["ApiDestinationState"] == "ACTIVE" and described["ApiDestinationArn"] == arn
    bridge.events.deauthorize_connection(Name="c")
    assert [d["ApiDestinationState"] for d in bridge.events.list_api_destinations()["ApiDestinations"]] == ["INACTIVE"]
    bridge.events.delete_api_destination(Name="d")
    assert refused(bridge.events.describe_api_destination, Name="d")[0] == "ResourceNotFoundException"
    bridge.events.delete_connection(Name="c")
    assert refused(bridge.events.describe_connection, Name="c")[0] == "ResourceNotFoundException"
