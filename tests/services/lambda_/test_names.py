"""Functions outside VPCs find AWS's hosts by name, over HTTPS that they believe."""
import json

import pytest

from tests.services.apigateway.conftest import Api
from tests.services.apigatewayv2.test_websocket_apis import Chat

from .conftest import Bench

ASKS = """
import json, socket, urllib.request
def handler(event, context):
    if "name" in event:
        try:
            return socket.gethostbyname(event["name"])
        except OSError as error:
            return {"error": str(error)}
    with urllib.request.urlopen(event["url"], timeout=5) as got:
        return {"status": got.status, "body": got.read().decode()}
"""
NODE = """
exports.handler = async (event) => { const got = await fetch(event.url); return {status: got.status, body: await got.text()}; };
"""
BROADCASTS = """
import json, boto3
def handler(event, context):
    c = event["requestContext"]
    if c["eventType"] == "MESSAGE":
        api = boto3.client("apigatewaymanagementapi", endpoint_url=f"https://{c['domainName']}/{c['stage']}")
        api.post_to_connection(ConnectionId=c["connectionId"], Data=json.dumps({"you said": json.loads(event["body"])["text"]}).encode())
    return {"statusCode": 200}
"""


@pytest.fixture
def bench(cloud):
    return Bench(cloud)


@pytest.fixture
def page(cloud):
    """The URL of a REST API's answer as its stage tells it."""
    api = Api(cloud)
    api.mock("/hello", template='{"host": "$context.domainName"}')
    api.deploy()
    return f"https://{api.id}.execute-api.us-east-1.amazonaws.com/dev/hello"


def test_a_program_calls_an_api_by_its_url(bench, page):
    bench.deploy("asks", ASKS)
    got = bench.call("asks", {"url": page})
    assert (got["status"], json.loads(got["body"])) == (200, {"host": page.split("/")[2]})
    assert bench.call("asks", {"url": page.replace("https:", "http:")})["status"] == 200
    assert bench.call("asks", {"name": "nothing.example.com"}).keys() == {"error"}, "the world is not there"
    assert bench.call("asks", {"name": "sqs.us-east-1.amazonaws.com"}) == "127.0.0.1"


def test_a_function_answers_by_the_management_endpoint_of_its_websocket_api(bench, cloud):
    chat = Chat(cloud)
    arn = bench.deploy("chat", BROADCASTS)["FunctionArn"]
    bench.client.add_permission(FunctionName="chat", StatementId="s", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com", SourceArn=f"arn:aws:execute-api:us-east-1:{cloud.account}:{chat.id}/*")
    cloud.client("iam").put_role_policy(RoleName="chat-role", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "execute-api:ManageConnections", "Resource": f"arn:aws:execute-api:us-east-1:{cloud.account}:{chat.id}/*"}]}))
    chat.route("$default", chat.integration(IntegrationType="AWS_PROXY", IntegrationUri=f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"))
    chat.deploy()
    me = chat.client()
    me.say(text="hello")
    assert me.hear() == {"you said": "hello"}
    me.close()


def test_so_does_a_program_of_node(bench, page):
    from cloche.engines.run import interpreters
    if interpreters.node("20") is None:
        pytest.skip("no Node.js 20 here")
    bench.deploy("node", {"index.js": NODE}, Runtime="nodejs20.x", Timeout=10)
    assert bench.call("node", {"url": page})["status"] == 200
