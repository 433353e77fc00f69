"""CloudFront Functions and the stores they read; Lambda@Edge."""
from __future__ import annotations

import json

import pytest

from .edge import DISABLED, EVERY_METHOD, behaviour, config, custom, listed, made, view

SECOND = {"Comment": "", "Runtime": "cloudfront-js-2.0"}
EVENT = {"version": "1.0", "context": {"eventType": "viewer-request"}, "viewer": {"ip": "1.2.3.4"},
         "request": {"method": "GET", "uri": "/index.html", "querystring": {}, "headers": {"host": {"value": "example.org"}}, "cookies": {}}}


@pytest.fixture
def api(cloud):
    return cloud.client("cloudfront")


def published(api, name, code, **more):
    made = api.create_function(Name=name, FunctionConfig={**SECOND, **more}, FunctionCode=code.encode())
    api.publish_function(Name=name, IfMatch=made["ETag"])
    return made["FunctionSummary"]["FunctionMetadata"]["FunctionARN"]


def at(event, arn):
    return {"FunctionAssociations": listed({"EventType": event, "FunctionARN": arn})}


def test_a_function_has_two_stages(cloud, api, origin):
    code = b"function handler(event) { return event.request; }"
    answer = api.create_function(Name="f", FunctionConfig={"Comment": "c", "Runtime": "cloudfront-js-1.0"}, FunctionCode=code)
    arn = answer["FunctionSummary"]["FunctionMetadata"]["FunctionARN"]
    assert arn == f"arn:aws:cloudfront::{cloud.account}:function/f" and answer["FunctionSummary"]["FunctionMetadata"]["Stage"] == "DEVELOPMENT" and answer["FunctionSummary"]["Status"] == "UNPUBLISHED"
    with pytest.raises(api.exceptions.FunctionAlreadyExists):
        api.create_function(Name="f", FunctionConfig=SECOND, FunctionCode=code)
    with pytest.raises(api.exceptions.NoSuchFunctionExists):
        api.describe_function(Name="f", Stage="LIVE")
    with pytest.raises(api.exceptions.InvalidFunctionAssociation):
        made(cloud, custom(origin.port), default=behaviour(**at("viewer-request", arn)))
    live = api.publish_function(Name="f", IfMatch=answer["ETag"])["FunctionSummary"]
    assert live["FunctionMetadata"]["Stage"] == "LIVE"
    with pytest.raises(api.exceptions.PreconditionFailed):
        api.update_function(Name="f", IfMatch="EOTHER", FunctionConfig=SECOND, FunctionCode=b"x")
    new = api.update_function(Name="f", IfMatch=answer["ETag"], FunctionConfig=SECOND, FunctionCode=b"new")
    assert api.get_function(Name="f")["FunctionCode"].read() == b"new" and api.get_function(Name="f", Stage="LIVE")["FunctionCode"].read() == code
    assert [(x["Name"], x["FunctionMetadata"]["Stage"]) for x in api.list_functions()["FunctionList"]["Items"]] == [("f", "DEVELOPMENT"), ("f", "LIVE")]
    assert api.list_functions(Stage="LIVE")["FunctionList"]["Quantity"] == 1
    with pytest.raises(api.exceptions.FunctionSizeLimitExceeded):
        api.create_function(Name="big", FunctionConfig=SECOND, FunctionCode=b"x" * 10241)
    made(cloud, custom(origin.port), default=behaviour(**at("viewer-request", arn)))
    assert api.describe_function(Name="f", Stage="LIVE")["FunctionSummary"]["Status"] == "DEPLOYED"
    with pytest.raises(api.exceptions.FunctionInUse):
        api.delete_function(Name="f", IfMatch=new["ETag"])
    other = api.create_function(Name="other", FunctionConfig=SECOND, FunctionCode=code)
    api.delete_function(Name="other", IfMatch=other["ETag"])
    with pytest.raises(api.exceptions.NoSuchFunctionExists):
        api.get_function(Name="other")


def test_a_function_is_tried_with_an_event(api):
    def tried(code, event=EVENT, runtime="cloudfront-js-2.0"):
        name = f"t{len(api.list_functions()['FunctionList'].get('Items', []))}"
        made = api.create_function(Name=name, FunctionConfig={"Comment": "", "Runtime": runtime}, FunctionCode=code.encode())
        return api.test_function(Name=name, IfMatch=made["ETag"], EventObject=json.dumps(event).encode(), Stage="DEVELOPMENT")["TestResult"]
    good = tried("function handler(event) { var request = event.request; request.uri = '/new'; console.log('was', event.viewer.ip); return request; }", runtime="cloudfront-js-1.0")
    assert json.loads(good["FunctionOutput"])["request"]["uri"] == "/new" and good["FunctionExecutionLogs"] == ["was 1.2.3.4"] and good["FunctionErrorMessage"] == ""
    assert 0 < int(good["ComputeUtilization"]) <= 100 and good["FunctionSummary"]["Name"] == "t0"
    answers = tried("async function handler(event) { return {statusCode: 302, headers: {location: {value: '/x'}}}; }")
    assert json.loads(answers["FunctionOutput"])["response"]["statusCode"] == 302
    assert tried("function handler(event) { return event.nothing.at.all; }")["FunctionErrorMessage"].startswith("TypeError")
    assert "FunctionOutput" not in tried("function handler(event) { return 1; }")
    assert "compute" in tried("function handler(event) { while (true) {} }")["FunctionErrorMessage"]
    # there is no outside
    for reach in ("process.exit(1)", "require('fs')", "fetch('http://x')", "setTimeout(() => 1, 1)", "eval('1')", "new Function('return 1')()"):
        assert tried(f"function handler(event) {{ {reach}; return event.request; }}")["FunctionErrorMessage"], reach
    hashes = tried("import crypto from 'crypto';\nfunction handler(event) { event.request.uri = '/' + crypto.createHash('sha256').update('x').digest('hex'); return event.request; }")
    assert json.loads(hashes["FunctionOutput"])["request"]["uri"].startswith("/2d711642b726b044")
    made = api.create_function(Name="e", FunctionConfig=SECOND, FunctionCode=b"x")
    with pytest.raises(api.exceptions.PreconditionFailed):
        api.test_function(Name="e", IfMatch="EOTHER", EventObject=json.dumps(EVENT).encode())
    with pytest.raises(api.exceptions.InvalidArgument):
        api.test_function(Name="e", IfMatch=made["ETag"], EventObject=b"{}")


REWRITE = """
function handler(event) {
  const request = event.request;
  if (request.uri === '/gone') return {statusCode: 410, statusDescription: 'Gone', headers: {'x-why': {value: 'moved'}}, body: 'no more'};
  if (request.uri === '/broken') return null;
  if (request.uri.endsWith('/')) request.uri += 'index.html';
  request.headers['x-tenant'] = {value: request.cookies.tenant ? request.cookies.tenant.value : 'none'};
  request.querystring = {q: {value: (request.querystring.q || {value: ''}).value + '!'}};
  return request;
}
"""


def test_a_function_before_the_cache_rewrites_or_answers(cloud, api, origin):
    arn = published(api, "rewrite", REWRITE)
    one = made(cloud, custom(origin.port), default=behaviour(policy=DISABLED, OriginRequestPolicyId="b689b0a8-53d0-40ab-baf2-68738e2966ac", **at("viewer-request", arn)))
    assert view(cloud, one, "/docs/?q=a", cookie="tenant=t; x=y").status == 200
    assert origin.asked[0]["target"] == "/docs/index.html?q=a!" and origin.asked[0]["headers"]["x-tenant"] == "t" and origin.asked[0]["headers"]["cookie"] == "tenant=t; x=y"
    gone = view(cloud, one, "/gone")
    assert (gone.status, gone.body, gone.headers["x-why"], gone.cache) == (410, b"no more", "moved", "FunctionGeneratedResponse")
    broken = view(cloud, one, "/broken")
    assert (broken.status, broken.cache) == (503, "FunctionExecutionError") and len(origin.asked) == 1


def test_a_function_behind_the_cache_changes_what_one_viewer_sees(cloud, api, origin):
    arn = published(api, "after", "function handler(event) { event.response.headers['x-uri'] = {value: event.request.uri}; event.response.cookies.seen = {value: '1', attributes: 'Secure'}; return event.response; }")
    one = made(cloud, custom(origin.port), default=behaviour(**at("viewer-response", arn)))
    for cache in ("Miss", "Hit"):
        seen = view(cloud, one, "/a")
        assert (seen.cache, seen.body, seen.headers["x-uri"], seen.headers["set-cookie"]) == (cache, b"hello 1", "/a", "seen=1; Secure")
    origin.answers["/lost"] = (404, {}, b"")
    assert "x-uri" not in view(cloud, one, "/lost").headers
    answers = published(api, "answers", "function handler(event) { return {statusCode: 204, headers: {}}; }")
    both = {"FunctionAssociations": listed({"EventType": "viewer-response", "FunctionARN": arn}, {"EventType": "viewer-request", "FunctionARN": answers})}
    assert "x-uri" not in view(cloud, made(cloud, custom(origin.port), default=behaviour(**both)), "/a").headers


# -- stores -----------------------------------------------------------------------------------------------------------------------

def test_a_function_reads_its_key_value_store(cloud, api, origin):
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=f"kv-{cloud.account}")
    s3.put_object(Bucket=f"kv-{cloud.account}", Key="data.json", Body=json.dumps({"data": [{"key": "/old", "value": "/new"}]}).encode())
    store = api.create_key_value_store(Name="s", Comment="c", ImportSource={"SourceType": "S3", "SourceARN": f"arn:aws:s3:::kv-{cloud.account}/data.json"})
    arn = store["KeyValueStore"]["ARN"]
    code = "import cf from 'cloudfront';\nconst kvs = cf.kvs();\nasync function handler(event) { const r = event.request; try { r.uri = await kvs.get(r.uri); } catch (e) { console.log(String(e)); } return r; }"
    function = published(api, "kv", code, KeyValueStoreAssociations=listed({"KeyValueStoreARN": arn}))
    one = made(cloud, custom(origin.port), default=behaviour(policy=DISABLED, **at("viewer-request", function)))
    view(cloud, one, "/old")
    view(cloud, one, "/other")
    assert [a["target"] for a in origin.asked] == ["/new", "/other"]
    with pytest.raises(api.exceptions.CannotDeleteEntityWhileInUse):
        api.delete_key_value_store(Name="s", IfMatch=store["ETag"])
    with pytest.raises(api.exceptions.EntityNotFound):
        api.create_function(Name="x", FunctionConfig={**SECOND, "KeyValueStoreAssociations": listed({"KeyValueStoreARN": arn.rpartition("/")[0] + "/00000000-0000-0000-0000-000000000000"})}, FunctionCode=b"x")
    with pytest.raises(api.exceptions.InvalidArgument):
        api.create_function(Name="x", FunctionConfig={"Comment": "", "Runtime": "cloudfront-js-1.0", "KeyValueStoreAssociations": listed({"KeyValueStoreARN": arn})}, FunctionCode=b"x")


def test_key_value_stores_are_provisioned_changed_listed_and_deleted(cloud, api):
    made = api.create_key_value_store(Name="s", Comment="c")
    assert made["KeyValueStore"]["Status"] == "PROVISIONING"
    cloud.advance(10)
    assert api.describe_key_value_store(Name="s")["KeyValueStore"]["Status"] == "READY"
    with pytest.raises(api.exceptions.EntityAlreadyExists):
        api.create_key_value_store(Name="s")
    new = api.update_key_value_store(Name="s", Comment="d", IfMatch=made["ETag"])
    assert [(x["Name"], x["Comment"]) for x in api.list_key_value_stores(Status="READY")["KeyValueStoreList"]["Items"]] == [("s", "d")]
    with pytest.raises(api.exceptions.PreconditionFailed):
        api.delete_key_value_store(Name="s", IfMatch=made["ETag"])
    api.delete_key_value_store(Name="s", IfMatch=new["ETag"])
    with pytest.raises(api.exceptions.EntityNotFound):
        api.describe_key_value_store(Name="s")


# -- Lambda@Edge ------------------------------------------------------------------------------------------------------------------

def edge_function(cloud, code, name="e", service=("lambda.amazonaws.com", "edgelambda.amazonaws.com"), publish=True, region="us-east-1", **more):
    import io
    import zipfile

    from cloche.testing.people import trusting
    iam, lambdas, buffer = cloud.client("iam"), cloud.client("lambda", region=region), io.BytesIO()
    role = iam.create_role(RoleName=f"{name}-role", AssumeRolePolicyDocument=trusting({"Service": list(service)}))["Role"]["Arn"]
    iam.put_role_policy(RoleName=f"{name}-role", PolicyName="logs", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]}))
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("index.py", code)
    made = lambdas.create_function(FunctionName=name, Handler="index.handler", Code={"ZipFile": buffer.getvalue()}, **{"Runtime": "python3.11", "Role": role, "Publish": publish, **more})
    return f"{made['FunctionArn']}:1" if publish and not made["FunctionArn"].endswith(":1") else made["FunctionArn"]


def on(**events):
    rows = [{"EventType": event.replace("_", "-"), "LambdaFunctionARN": arn, **({"IncludeBody": True} if event.endswith("request") and events.get("body") else {})} for event, arn in events.items() if event != "body"]
    return {"LambdaFunctionAssociations": listed(*rows)}


FOUR = """
import json
def handler(event, context):
    cf = event['Records'][0]['cf']
    kind, request = cf['config']['eventType'], cf['request']
    print('ran', kind, cf['config']['distributionId'])
    mark = {'key': 'X-' + kind, 'value': cf['config']['requestId']}
    if kind == 'viewer-request':
        if request['uri'] == '/closed':
            return {'status': '401', 'statusDescription': 'Unauthorized', 'headers': {'www-authenticate': [{'key': 'WWW-Authenticate', 'value': 'Basic'}]}, 'body': 'who?'}
        request['headers']['x-by'] = [{'key': 'X-By', 'value': request['clientIp']}]
        return request
    if kind == 'origin-request':
        if request['uri'] == '/made':
            return {'status': '200', 'headers': {'content-type': [{'key': 'Content-Type', 'value': 'text/plain'}]}, 'body': 'made at the edge'}
        request['uri'] = '/rewritten' + request['uri']
        request['headers']['x-origin'] = [{'key': 'X-Origin', 'value': request['origin']['custom']['domainName']}]
        return request
    response = cf['response']
    response['headers']['x-' + kind] = [mark]
    if kind == 'origin-response' and response['status'] == '404':
        response.update(status='200', statusDescription='OK', body='instead of ' + request['uri'])
    return response
"""


def test_functions_at_four_places_see_and_change_what_passes(cloud, origin):
    arn = edge_function(cloud, FOUR)
    one = made(cloud, custom(origin.port), default=behaviour(**on(viewer_request=arn, origin_request=arn, origin_response=arn, viewer_response=arn)))
    first, second = view(cloud, one, "/a"), view(cloud, one, "/a")
    assert (first.cache, second.cache, first.body) == ("Miss", "Hit", b"hello 1")
    assert [a["target"] for a in origin.asked] == ["/rewritten/a"] and origin.asked[0]["headers"]["x-origin"] == "localhost"
    # what was changed at the origin's response was kept, at the viewer's it was not
    assert first.headers["x-origin-response"] == second.headers["x-origin-response"] == first.headers["x-amz-cf-id"]
    assert second.headers["x-viewer-response"] == second.headers["x-amz-cf-id"] != first.headers["x-viewer-response"]
    closed = view(cloud, one, "/closed")
    assert (closed.status, closed.body, closed.headers["www-authenticate"], closed.cache) == (401, b"who?", "Basic", "LambdaGeneratedResponse")
    assert [(seen.status, seen.body, seen.cache) for seen in (view(cloud, one, "/made") for _ in range(2))] == [(200, b"made at the edge", "Miss"), (200, b"made at the edge", "Hit")]
    origin.answers["/rewritten/lost"] = (404, {}, b"lost")
    seen = view(cloud, one, "/lost")
    assert (seen.status, seen.body) == (200, b"instead of /rewritten/lost") and len(origin.asked) == 2
    logs = cloud.client("logs")
    said = "".join(event["message"] for event in logs.filter_log_events(logGroupName="/aws/lambda/us-east-1.e")["events"])
    assert said.count("ran viewer-request") == 6 and said.count("ran origin-request") == 3 and one["Id"] in said


def test_a_function_may_stop_a_viewer_although_the_answer_is_kept(cloud, origin):
    """Row 533: what a function decides before the cache needs nobody else."""
    code = "def handler(event, context):\n    r = event['Records'][0]['cf']['request']\n    return r if 'x-token' in r['headers'] else {'status': '401'}\n"
    one = made(cloud, custom(origin.port), default=behaviour(**on(viewer_request=edge_function(cloud, code))))
    assert [view(cloud, one, "/a", x_token="t").cache for _ in range(2)] == ["Miss", "Hit"]
    assert view(cloud, one, "/a").status == 401 and len(origin.asked) == 1


def test_a_function_sees_and_replaces_the_body(cloud, origin):
    code = """
import base64
def handler(event, context):
    request = event['Records'][0]['cf']['request']
    text = base64.b64decode(request['body']['data']).decode()
    request['body'].update(action='replace', encoding='text', data=text.upper())
    return request
"""
    arn = edge_function(cloud, code)
    one = made(cloud, custom(origin.port), default=behaviour(policy=DISABLED, AllowedMethods=EVERY_METHOD, **on(viewer_request=arn, body=True)))
    assert view(cloud, one, "/form", "POST", b"name=x", content_type="text/plain").status == 200
    assert origin.asked[0]["body"] == b"NAME=X" and origin.asked[0]["headers"]["content-length"] == "6"


def test_what_a_function_says_wrong_is_a_502_and_its_failure_a_503(cloud, origin):
    code = """
def handler(event, context):
    cf = event['Records'][0]['cf']
    what = cf['request']['uri'][1:]
    if what == 'raise': raise ValueError('no')
    if what == 'text': return 'text'
    if what == 'host': cf['request']['headers']['host'] = [{'key': 'Host', 'value': 'x'}]
    if what == 'edge': cf['request']['headers']['x-edge-x'] = [{'key': 'X-Edge-X', 'value': 'x'}]
    if what == 'status': return {'status': '99'}
    if what == 'large': return {'status': '200', 'body': 'x' * 40961}
    if what == 'fine': return {'status': '200', 'body': 'x' * 40960}
    return cf['request']
"""
    one = made(cloud, custom(origin.port), default=behaviour(policy=DISABLED, **on(viewer_request=edge_function(cloud, code))))
    for what in ("text", "host", "edge", "status", "large"):
        seen = view(cloud, one, f"/{what}")
        assert (seen.status, seen.cache) == (502, "LambdaValidationError") and (b"returned invalid JSON" in seen.body) == (what == "text"), what
    failed = view(cloud, one, "/raise")
    assert (failed.status, failed.cache) == (503, "LambdaExecutionError")
    assert view(cloud, one, "/fine").status == 200 and not origin.asked


def test_a_function_chooses_another_origin(cloud, origin):
    code = """
def handler(event, context):
    request = event['Records'][0]['cf']['request']
    own = request['origin']['custom']
    own.update(path='/other', customHeaders={'x-chosen': [{'key': 'X-Chosen', 'value': 'yes'}]})
    return request
"""
    one = made(cloud, custom(origin.port), default=behaviour(**on(origin_request=edge_function(cloud, code))))
    assert view(cloud, one, "/a").status == 200
    assert origin.asked[0]["target"] == "/other/a" and origin.asked[0]["headers"]["x-chosen"] == "yes"


def test_only_functions_fit_for_the_edge_are_taken(cloud, api):
    code = "def handler(event, context):\n    return event\n"

    def wrong(words, event, arn, code_="InvalidLambdaFunctionAssociation", **more):
        with pytest.raises(api.exceptions.from_code(code_), match=words):
            api.create_distribution(DistributionConfig=config(custom(80), default=behaviour(**{**on(**{event: arn}), **more})))
    good = edge_function(cloud, code, "good")
    unversioned = good.rpartition(":")[0]
    wrong("must reference a specific function version", "viewer_request", unversioned)
    wrong("must reference a specific function version", "viewer_request", unversioned + ":$LATEST")
    wrong("must reference a specific function version", "viewer_request", unversioned + ":alias")
    wrong("does not exist", "viewer_request", unversioned + ":7")
    wrong("must be in region 'us-east-1'", "viewer_request", edge_function(cloud, code, "far", region="eu-west-1"))
    wrong("assumable with edgelambda", "viewer_request", edge_function(cloud, code, "plain", service=("lambda.amazonaws.com",)))
    wrong("environment variables", "viewer_request", edge_function(cloud, code, "env", Environment={"Variables": {"AB": "1"}}))
    wrong("memory size", "viewer_request", edge_function(cloud, code, "large", MemorySize=256))
    slow = edge_function(cloud, code, "slow", Timeout=6)
    wrong("timeout", "viewer_response", slow)
    wrong("timeout", "origin_request", edge_function(cloud, code, "slower", Timeout=31))
    wrong("x86_64", "origin_request", edge_function(cloud, code, "arm", Architectures=["arm64"]))
    wrong("ephemeral", "origin_request", edge_function(cloud, code, "tmp", EphemeralStorage={"Size": 1024}))
    wrong("runtime", "origin_request", edge_function(cloud, code, "own", Runtime="provided.al2023"))
    made(cloud, custom(80), default=behaviour(**on(origin_request=slow)))
    function = published(api, "cf", "function handler(event) { return event.request; }")
    wrong("cannot both", "viewer_request", good, **at("viewer-response", function))
    twice = {"LambdaFunctionAssociations": listed(*[{"EventType": "viewer-request", "LambdaFunctionARN": good}] * 2)}
    wrong("one event type", "viewer_request", good, **twice)
    with pytest.raises(api.exceptions.InvalidFunctionAssociation):
        api.create_distribution(DistributionConfig=config(custom(80), default=behaviour(**at("origin-request", function))))
    roles = {role["RoleName"] for role in cloud.client("iam").list_roles(PathPrefix="/aws-service-role/")["Roles"]}
    assert {"AWSServiceRoleForLambdaReplicator", "AWSServiceRoleForCloudFrontLogger"} <= roles


def test_a_version_with_replicas_is_not_let_go(cloud, api):
    arn = edge_function(cloud, "def handler(event, context):\n    return event\n")
    lambdas = cloud.client("lambda")
    one = made(cloud, custom(80), default=behaviour(**on(viewer_request=arn)))
    for more in ({}, {"Qualifier": "1"}):
        with pytest.raises(lambdas.exceptions.InvalidParameterValueException, match="because it is a replicated function"):
            lambdas.delete_function(FunctionName="e", **more)
    found = api.get_distribution_config(Id=one["Id"])
    found["DistributionConfig"]["DefaultCacheBehavior"]["LambdaFunctionAssociations"] = {"Quantity": 0}
    api.update_distribution(Id=one["Id"], IfMatch=found["ETag"], DistributionConfig=found["DistributionConfig"])
    with pytest.raises(lambdas.exceptions.InvalidParameterValueException):
        lambdas.delete_function(FunctionName="e")
    cloud.advance(hours=1)
    lambdas.delete_function(FunctionName="e")


def test_whoever_puts_a_function_at_the_edge_needs_to_be_allowed_to(cloud):
    from cloche.testing.people import Person, allow, refused
    arn = edge_function(cloud, "def handler(event, context):\n    return event\n")
    wanted = config(custom(80), default=behaviour(**on(viewer_request=arn)))
    without = Person(cloud, "without", allow("cloudfront:*"))
    refused("AccessDenied", without.client("cloudfront").create_distribution, DistributionConfig=wanted)
    person = Person(cloud, "with", allow(["cloudfront:*", "lambda:GetFunction", "lambda:EnableReplication*"]))
    assert person.client("cloudfront").create_distribution(DistributionConfig=wanted)["Distribution"]["Status"] == "InProgress"
