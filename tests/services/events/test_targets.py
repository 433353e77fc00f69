"""Targets that are started through their own service: state machines, REST APIs; connections with OAuth."""
import http.server
import json
import threading
from urllib.parse import parse_qs

import pytest

TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": ["events.amazonaws.com", "states.amazonaws.com"]}, "Action": "sts:AssumeRole"}]})


def role(cloud, actions, name="r"):
    iam = cloud.client("iam")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}))
    return arn


def test_a_state_machine_is_started_with_the_event_and_tells_the_bus_how_it_went(bridge, cloud):
    sfn, arn = cloud.client("stepfunctions"), role(cloud, "states:*")
    machine = sfn.create_state_machine(name="m", roleArn=arn, definition=json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}))["stateMachineArn"]
    bridge.rule(pattern={"source": ["my.app"]})
    bridge.target(arn=machine, RoleArn=arn, InputPath="$.detail")
    told, told_arn = bridge.queue("told")
    bridge.rule("status", {"source": ["aws.states"], "detail-type": ["Step Functions Execution Status Change"], "detail": {"status": ["SUCCEEDED"]}})
    bridge.target("status", told_arn)
    event = bridge.put(detail={"n": 1})["EventId"]
    cloud.advance(1)
    [execution] = sfn.list_executions(stateMachineArn=machine)["executions"]
    assert execution["name"].startswith(event) and json.loads(sfn.describe_execution(executionArn=execution["executionArn"])["output"]) == {"n": 1}
    [said] = bridge.got(told)
    assert said["resources"] == [execution["executionArn"]] and said["detail"]["output"] == '{"n":1}' and said["detail"]["stateMachineArn"] == machine


def test_a_machine_that_the_role_may_not_start_leaves_a_dead_letter(bridge, cloud, refused):
    machine, arn = f"arn:aws:states:us-east-1:{cloud.account}:stateMachine:m", role(cloud, "sqs:*")
    dead, dead_arn = bridge.queue("dead")
    bridge.rule(pattern={"source": ["my.app"]})
    assert refused(bridge.target, arn=machine)[0] == "ValidationException"  # RoleArn is required
    bridge.target(arn=machine, RoleArn=arn, DeadLetterConfig={"Arn": dead_arn})
    bridge.put(detail={"n": 1})
    cloud.advance(1)
    assert [e["detail"] for e in bridge.got(dead)] == [{"n": 1}] and bridge.last[0]["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    assert refused(bridge.target, arn=f"arn:aws:redshift:us-east-1:{cloud.account}:cluster:c", RoleArn=arn)[0] == "NotImplemented"
    assert refused(bridge.target, arn="arn:aws:ssm:us-east-1::document/AWS-RunShellScript", RoleArn=arn)[0] == "ValidationException"  # RunCommandParameters


def test_a_rest_api_is_called_with_the_roles_signature(bridge, cloud):
    arn, api = role(cloud, ["execute-api:Invoke", "sqs:SendMessage"]), cloud.client("apigateway")
    url, _ = bridge.queue("heard")
    iam = cloud.client("iam")
    iam.update_assume_role_policy(RoleName="r", PolicyDocument=TRUST.replace("states.amazonaws.com", "apigateway.amazonaws.com"))
    id_ = api.create_rest_api(name="a")["id"]
    root = api.get_resources(restApiId=id_)["items"][0]["id"]
    place = api.create_resource(restApiId=id_, parentId=root, pathPart="{who}")["id"]
    api.put_method(restApiId=id_, resourceId=place, httpMethod="POST", authorizationType="AWS_IAM")
    api.put_integration(restApiId=id_, resourceId=place, httpMethod="POST", type="AWS", integrationHttpMethod="POST", credentials=arn,
                        uri=f"arn:aws:apigateway:us-east-1:sqs:path/{cloud.account}/heard", requestParameters={"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"},
                        requestTemplates={"application/json": "Action=SendMessage&MessageBody=$input.params('who')-$input.path('$.detail.n')-$input.params('q')"})
    api.put_method_response(restApiId=id_, resourceId=place, httpMethod="POST", statusCode="200")
    api.put_integration_response(restApiId=id_, resourceId=place, httpMethod="POST", statusCode="200")
    api.create_deployment(restApiId=id_, stageName="dev")
    bridge.rule(pattern={"source": ["my.app"]})
    bridge.target(arn=f"arn:aws:execute-api:us-east-1:{cloud.account}:{id_}/dev/POST/*", RoleArn=arn, HttpParameters={"PathParameterValues": ["ann"], "QueryStringParameters": {"q": "x"}})
    bridge.put(detail={"n": 7})
    cloud.advance(1)
    assert bridge.bodies(url) == ["ann-7-x"]


@pytest.fixture
def endpoint():
    """An endpoint that gives tokens at /token and takes only the last it gave elsewhere."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"] or 0)).decode()
            said = b"{}"
            status = 200
            if self.path.startswith("/token"):
                server.asked.append({k: v[0] for k, v in parse_qs(body).items()})
                said = json.dumps({"access_token": f"t{len(server.asked)}", "expires_in": 3600}).encode() if server.gives else b"no"
            else:
                status = 200 if self.headers["authorization"] == f"Bearer t{len(server.asked)}" else 401
                server.got.append((status, body))
            self.send_response(status)
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.asked, server.gives = [], [], True
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def oauth(endpoint):
    return {"OAuthParameters": {"AuthorizationEndpoint": endpoint.url + "/token", "HttpMethod": "POST", "ClientParameters": {"ClientID": "me", "ClientSecret": "hidden"},
                                "OAuthHttpParameters": {"BodyParameters": [{"Key": "scope", "Value": "all"}]}}}


def test_a_connection_with_oauth_asks_for_a_token_and_asks_again_when_it_is_not_taken(bridge, cloud, endpoint):
    events = bridge.events
    made = events.create_connection(Name="c", AuthorizationType="OAUTH_CLIENT_CREDENTIALS", AuthParameters=oauth(endpoint))
    assert made["ConnectionState"] == "AUTHORIZING"
    cloud.advance(1)
    found = events.describe_connection(Name="c")
    assert found["ConnectionState"] == "AUTHORIZED" and endpoint.asked == [{"grant_type": "client_credentials", "client_id": "me", "client_secret": "hidden", "scope": "all"}]
    assert found["AuthParameters"]["OAuthParameters"]["ClientParameters"] == {"ClientID": "me"}
    secret = cloud.client("secretsmanager").describe_secret(SecretId=found["SecretArn"])  # what is secret lies in a secret of EventBridge's
    assert secret["OwningService"] == "events" and secret["Name"].startswith("events!connection/c/")
    destination = events.create_api_destination(Name="d", ConnectionArn=made["ConnectionArn"], InvocationEndpoint=endpoint.url + "/hook", HttpMethod="POST")["ApiDestinationArn"]
    bridge.rule(pattern={"source": ["my.app"]})
    bridge.target(arn=destination, RoleArn=role(cloud, "events:InvokeApiDestination"), InputPath="$.detail")
    bridge.put(detail={"n": 1})
    cloud.advance(1)
    assert endpoint.got == [(200, '{"n":1}')] and len(endpoint.asked) == 1
    endpoint.asked.append("somebody else's")  # the token is no longer the last
    bridge.put(detail={"n": 2})
    cloud.advance(1)
    assert endpoint.got[1:] == [(401, '{"n":2}'), (200, '{"n":2}')]
    events.delete_connection(Name="c")
    with pytest.raises(cloud.client("secretsmanager").exceptions.ResourceNotFoundException):
        cloud.client("secretsmanager").describe_secret(SecretId=found["SecretArn"])


def test_without_a_token_a_connection_is_not_authorized(bridge, cloud, endpoint):
    endpoint.gives = False
    bridge.events.create_connection(Name="c", AuthorizationType="OAUTH_CLIENT_CREDENTIALS", AuthParameters=oauth(endpoint))
    cloud.advance(1)
    found = bridge.events.describe_connection(Name="c")
    assert found["ConnectionState"] == "DEAUTHORIZED" and "without an access token" in found["StateReason"]
    endpoint.gives = True
    bridge.events.update_connection(Name="c", AuthParameters=oauth(endpoint))
    cloud.advance(1)
    assert bridge.events.describe_connection(Name="c")["ConnectionState"] == "AUTHORIZED"
