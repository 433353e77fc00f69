"""APIs as SAM and CloudFormation make them."""
import json
import time

from .conftest import call

CODE = "import json\ndef handler(event, context):\n    return {'statusCode': 200, 'body': json.dumps({'path': event.get('rawPath') or event['path'], 'version': event.get('version')})}\n"


def stack(cloud, template):
    cfn = cloud.client("cloudformation")
    cfn.create_stack(StackName="s", TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"])
    for _ in range(600):
        found = cfn.describe_stacks(StackName="s")["Stacks"][0]
        if not found["StackStatus"].endswith("IN_PROGRESS"):
            break
        time.sleep(0.02)
    assert found["StackStatus"] == "CREATE_COMPLETE", [(e["LogicalResourceId"], e.get("ResourceStatusReason")) for e in cfn.describe_stack_events(StackName="s")["StackEvents"] if "FAILED" in e["ResourceStatus"]]
    return {o["OutputKey"]: o["OutputValue"] for o in found.get("Outputs", [])}


def test_sam_makes_a_rest_api_and_an_http_api(cloud):
    function = {"Type": "AWS::Serverless::Function", "Properties": {"Runtime": "python3.11", "Handler": "index.handler", "InlineCode": CODE, "Events": {
        "Rest": {"Type": "Api", "Properties": {"Path": "/rest/{id}", "Method": "get"}},
        "Guarded": {"Type": "Api", "Properties": {"Path": "/guarded", "Method": "get", "Auth": {"ApiKeyRequired": True}}},
        "Http": {"Type": "HttpApi", "Properties": {"Path": "/http", "Method": "post"}},
        "Rest2": {"Type": "Api", "Properties": {"Path": "/own", "Method": "any", "RestApiId": {"Ref": "Own"}}},
    }}}
    own = {"Type": "AWS::Serverless::Api", "Properties": {"StageName": "live", "Cors": "'*'", "EndpointConfiguration": {"Type": "REGIONAL"}, "Variables": {"a": "b"},
           "MethodSettings": [{"ResourcePath": "/*", "HttpMethod": "*", "ThrottlingBurstLimit": 10, "ThrottlingRateLimit": 5}],
           "GatewayResponses": {"DEFAULT_4XX": {"ResponseParameters": {"Headers": {"Access-Control-Allow-Origin": "'*'"}}}}}}
    outputs = stack(cloud, {"Transform": "AWS::Serverless-2016-10-31", "Resources": {"F": function, "Own": own}, "Outputs": {
        "Rest": {"Value": {"Ref": "ServerlessRestApi"}}, "Http": {"Value": {"Ref": "ServerlessHttpApi"}}, "Own": {"Value": {"Ref": "Own"}},
        "Url": {"Value": {"Fn::Sub": "https://${ServerlessRestApi}.execute-api.${AWS::Region}.amazonaws.com/Prod/rest/"}}}})
    assert outputs["Url"] == f"https://{outputs['Rest']}.execute-api.us-east-1.amazonaws.com/Prod/rest/"
    got = call(cloud, outputs["Rest"], "/Prod/rest/5")
    assert (got.status, got.json) == (200, {"path": "/rest/5", "version": None})
    assert call(cloud, outputs["Rest"], "/Prod/guarded").status == 403
    got = call(cloud, outputs["Http"], "/http", "POST", body="{}")
    assert (got.status, got.json) == (200, {"path": "/http", "version": "2.0"})
    assert call(cloud, outputs["Own"], "/live/own", "PUT").json["path"] == "/own"
    got = call(cloud, outputs["Own"], "/live/own", "OPTIONS")
    assert got.status == 200 and got.headers["access-control-allow-origin"] == "*" and "PUT" in got.headers["access-control-allow-methods"]
    got = call(cloud, outputs["Own"], "/live/none")
    assert (got.status, got.headers["access-control-allow-origin"]) == (403, "*")
    stage = cloud.client("apigateway").get_stage(restApiId=outputs["Own"], stageName="live")
    assert stage["methodSettings"]["*/*"]["throttlingBurstLimit"] == 10 and stage["variables"] == {"a": "b"}
    cloud.client("cloudformation").delete_stack(StackName="s")
    for _ in range(300):
        if not cloud.client("apigateway").get_rest_apis()["items"]:
            break
        time.sleep(0.02)
    assert cloud.client("apigatewayv2").get_apis()["Items"] == []


AUTH = """
def handler(event, context):
    token = event.get("authorizationToken") or (event.get("identitySource") or [None])[0] or event["headers"].get("X-Token")
    if "routeArn" in event:
        return {"isAuthorized": token == "yes"}
    return {"principalId": "p", "policyDocument": {"Version": "2012-10-17", "Statement": [{"Action": "execute-api:Invoke", "Effect": "Allow" if token == "yes" else "Deny", "Resource": event["methodArn"]}]}}
"""


def function(code, events=None, **more):
    return {"Type": "AWS::Serverless::Function", "Properties": {"Runtime": "python3.11", "Handler": "index.handler", "InlineCode": code, "Events": events or {}, **more}}


def test_sam_guards_apis_with_functions_keys_policies_and_models(cloud):
    def rest(path, **more):
        return {"Type": "Api", "Properties": {"Path": path, "Method": "post", "RestApiId": {"Ref": "Rest"}, **more}}

    def http(path, **more):
        return {"Type": "HttpApi", "Properties": {"Path": path, "Method": "get", "ApiId": {"Ref": "Http"}, **more}}

    events = {
        "A": rest("/token"), "B": rest("/request", Auth={"Authorizer": "ByRequest"}), "C": rest("/open", Auth={"Authorizer": "NONE"}),
        "D": rest("/keyed", Auth={"Authorizer": "NONE", "ApiKeyRequired": True}), "E": rest("/modelled", Auth={"Authorizer": "NONE"}, RequestModel={"Model": "Pet", "Required": True, "ValidateBody": True}),
        "F": rest("/iam", Auth={"Authorizer": "AWS_IAM"}), "G": http("/guarded"), "H": http("/free", Auth={"Authorizer": "NONE"}),
    }
    template = {"Transform": "AWS::Serverless-2016-10-31", "Resources": {
        "Auth": function(AUTH), "F": function(CODE, events),
        "Rest": {"Type": "AWS::Serverless::Api", "Properties": {
            "StageName": "v1", "Models": {"Pet": {"type": "object", "required": ["name"]}}, "AccessLogSetting": {"DestinationArn": {"Fn::GetAtt": ["Logs", "Arn"]}, "Format": "$context.status $context.path"},
            "Auth": {"DefaultAuthorizer": "ByToken", "UsagePlan": {"CreateUsagePlan": "PER_API"}, "AddDefaultAuthorizerToCorsPreflight": False,
                     "Authorizers": {"ByToken": {"FunctionArn": {"Fn::GetAtt": ["Auth", "Arn"]}},
                                     "ByRequest": {"FunctionPayloadType": "REQUEST", "FunctionArn": {"Fn::GetAtt": ["Auth", "Arn"]}, "Identity": {"Headers": ["X-Token"], "ReauthorizeEvery": 0}}}}}},
        "Http": {"Type": "AWS::Serverless::HttpApi", "Properties": {"CorsConfiguration": {"AllowOrigins": ["https://a.example"]}, "Auth": {"DefaultAuthorizer": "L", "Authorizers": {"L": {
            "FunctionArn": {"Fn::GetAtt": ["Auth", "Arn"]}, "AuthorizerPayloadFormatVersion": "2.0", "EnableSimpleResponses": True, "EnableFunctionDefaultPermissions": True, "Identity": {"Headers": ["Authorization"]}}}}}},
        "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": f"access-{cloud.account}"}},
    }, "Outputs": {"Rest": {"Value": {"Ref": "Rest"}}, "Http": {"Value": {"Ref": "Http"}}}}
    outputs = stack(cloud, template)

    def post(path, body="{}", **headers):
        return call(cloud, outputs["Rest"], f"/v1{path}", "POST", body=body, headers=headers).status

    assert [post("/token"), post("/token", Authorization="yes"), post("/token", Authorization="no")] == [401, 200, 403]
    assert [post("/request"), post("/request", **{"X-Token": "yes"}), post("/request", **{"X-Token": "no"})] == [401, 200, 403]
    assert [post("/open"), post("/keyed"), post("/modelled"), post("/modelled", '{"name": 1}'), post("/iam")] == [200, 403, 400, 200, 403]
    [key] = cloud.client("apigateway").get_api_keys(includeValues=True)["items"]
    assert post("/keyed", **{"x-api-key": key["value"]}) == 200
    assert [call(cloud, outputs["Http"], "/guarded", headers=h).status for h in ({}, {"Authorization": "no"}, {"Authorization": "yes"})] == [401, 403, 200]
    got = call(cloud, outputs["Http"], "/free", headers={"Origin": "https://a.example"})
    assert (got.status, got.headers["access-control-allow-origin"]) == (200, "https://a.example")
    lines = [e["message"] for e in cloud.client("logs").filter_log_events(logGroupName=f"access-{cloud.account}")["events"]]
    assert "200 /v1/open" in lines and "403 /v1/keyed" in lines
