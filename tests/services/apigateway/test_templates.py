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
