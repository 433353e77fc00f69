"""API Gateway and SAM in templates, up to an answer of the function behind the API."""
import json
import urllib.error
import urllib.request

from .templates import outputs, reasons, status, template
from .test_types import BASIC, deploy, function, gone

ANSWER = "def handler(event, context): return {'statusCode': 200, 'body': 'hello ' + event.get('path', event.get('rawPath', ''))}"
URI = {"Fn::Sub": "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${F.Arn}/invocations"}


def get(cloud, host, path, **headers):
    request = urllib.request.Request(f"{cloud.url}{path}", headers={"host": host, **headers})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def api(path, description, **more):
    return template({
        "R": BASIC, "F": function(Code={"ZipFile": ANSWER}), "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "plain", "Description": description}},
        "Res": {"Type": "AWS::ApiGateway::Resource", "Properties": {"RestApiId": {"Ref": "Api"}, "ParentId": {"Fn::GetAtt": ["Api", "RootResourceId"]}, "PathPart": path}},
        "Get": {"Type": "AWS::ApiGateway::Method", "Properties": {
            "RestApiId": {"Ref": "Api"}, "ResourceId": {"Ref": "Res"}, "HttpMethod": "GET", "AuthorizationType": "NONE", "RequestValidatorId": {"Ref": "Val"},
            "Integration": {"Type": "AWS_PROXY", "IntegrationHttpMethod": "POST", "Uri": URI}, "MethodResponses": [{"StatusCode": 200}]}},
        "Mock": {"Type": "AWS::ApiGateway::Method", "Properties": {
            "RestApiId": {"Ref": "Api"}, "ResourceId": {"Ref": "Res"}, "HttpMethod": "OPTIONS", "AuthorizationType": "NONE", "MethodResponses": [{"StatusCode": "204"}],
            "Integration": {"Type": "MOCK", "RequestTemplates": {"application/json": '{"statusCode": 204}'}, "IntegrationResponses": [{"StatusCode": 204}]}}},
        "Val": {"Type": "AWS::ApiGateway::RequestValidator", "Properties": {"RestApiId": {"Ref": "Api"}, "Name": "v", "ValidateRequestParameters": True}},
        "Mod": {"Type": "AWS::ApiGateway::Model", "Properties": {"RestApiId": {"Ref": "Api"}, "Name": "Thing", "ContentType": "application/json", "Schema": {"type": "object"}}},
        "Gone": {"Type": "AWS::ApiGateway::GatewayResponse", "Properties": {"RestApiId": {"Ref": "Api"}, "ResponseType": "MISSING_AUTHENTICATION_TOKEN", "StatusCode": 404}},
        "Dep": {"Type": "AWS::ApiGateway::Deployment", "DependsOn": ["Get", "Mock", "Gone"], "Properties": {"RestApiId": {"Ref": "Api"}}},
        "Sta": {"Type": "AWS::ApiGateway::Stage", "Properties": {"RestApiId": {"Ref": "Api"}, "DeploymentId": {"Ref": "Dep"}, "StageName": "v1", "Variables": {"a": "b"},
                "MethodSettings": [{"ResourcePath": "/*", "HttpMethod": "*", "ThrottlingBurstLimit": 50, "ThrottlingRateLimit": 100}]}},
        "Per": {"Type": "AWS::Lambda::Permission", "Properties": {"FunctionName": {"Ref": "F"}, "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com",
                "SourceArn": {"Fn::Sub": "arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*"}}},
        "Key": {"Type": "AWS::ApiGateway::ApiKey", "Properties": {"Enabled": True}},
        "Plan": {"Type": "AWS::ApiGateway::UsagePlan", "Properties": {"UsagePlanName": "p", "ApiStages": [{"ApiId": {"Ref": "Api"}, "Stage": {"Ref": "Sta"}}],
                                                                      "Throttle": {"BurstLimit": 5, "RateLimit": 10}}},
        "PlanKey": {"Type": "AWS::ApiGateway::UsagePlanKey", "Properties": {"KeyId": {"Ref": "Key"}, "KeyType": "API_KEY", "UsagePlanId": {"Ref": "Plan"}}}, **more},
        Outputs={"Host": {"Value": {"Fn::Sub": "${Api}.execute-api.${AWS::Region}.amazonaws.com"}}})


def test_a_rest_api_written_out_in_full_answers_and_goes_away(cloud):
    cfn, gateway = cloud.client("cloudformation"), cloud.client("apigateway")
    made = deploy(cfn, "rest", api("hello", "one"))
    host = outputs(cfn, "rest")["Host"]
    assert get(cloud, host, "/v1/hello") == (200, "hello /hello")
    assert get(cloud, host, "/v1/none")[0] == 404
    stage = gateway.get_stage(restApiId=made["Api"], stageName="v1")
    assert stage["variables"] == {"a": "b"} and stage["methodSettings"]["*/*"]["throttlingBurstLimit"] == 50
    assert gateway.get_usage_plan_keys(usagePlanId=made["Plan"])["items"][0]["id"] == made["Key"]
    again = deploy(cfn, "rest", api("hello", "two").replace('"a": "b"', '"a": "c"'))
    assert again["Api"] == made["Api"] and gateway.get_rest_api(restApiId=made["Api"])["description"] == "two"
    assert gateway.get_stage(restApiId=made["Api"], stageName="v1")["variables"] == {"a": "c"}
    gone(cfn, "rest")
    assert gateway.get_rest_apis()["items"] == [] and gateway.get_api_keys()["items"] == []


def test_an_http_api_written_out_in_full_answers_and_goes_away(cloud):
    cfn, gateway = cloud.client("cloudformation"), cloud.client("apigatewayv2")

    def body(route):
        return template({
            "R": BASIC, "F": function(Code={"ZipFile": ANSWER}),
            "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "http", "ProtocolType": "HTTP", "CorsConfiguration": {"AllowOrigins": ["*"], "MaxAge": "60"}}},
            "Int": {"Type": "AWS::ApiGatewayV2::Integration", "Properties": {"ApiId": {"Ref": "Api"}, "IntegrationType": "AWS_PROXY", "IntegrationUri": {"Fn::GetAtt": ["F", "Arn"]},
                                                                             "PayloadFormatVersion": "2.0"}},
            "Route": {"Type": "AWS::ApiGatewayV2::Route", "Properties": {"ApiId": {"Ref": "Api"}, "RouteKey": f"GET /{route}", "Target": {"Fn::Sub": "integrations/${Int}"}}},
            "Sta": {"Type": "AWS::ApiGatewayV2::Stage", "Properties": {"ApiId": {"Ref": "Api"}, "StageName": "$default", "AutoDeploy": True, "Tags": {"a": "b"}}},
            "Per": {"Type": "AWS::Lambda::Permission", "Properties": {"FunctionName": {"Ref": "F"}, "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com"}}},
            Outputs={"Url": {"Value": {"Fn::GetAtt": ["Api", "ApiEndpoint"]}}})

    deploy(cfn, "http", body("one"))
    host = outputs(cfn, "http")["Url"].split("//")[1]
    assert get(cloud, host, "/one") == (200, "hello /one")
    deploy(cfn, "http", body("two"))
    assert get(cloud, host, "/two") == (200, "hello /two") and get(cloud, host, "/one")[0] == 404
    gone(cfn, "http")
    assert gateway.get_apis()["Items"] == []


SAM = """
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: python3.11, Handler: index.handler}}
Resources:
  Table: {Type: AWS::Serverless::SimpleTable}
  Queue: {Type: AWS::SQS::Queue}
  Fn:
    Type: AWS::Serverless::Function
    Properties:
      AutoPublishAlias: live
      Policies: [{DynamoDBCrudPolicy: {TableName: !Ref Table}}]
      InlineCode: |
        def handler(event, context):
            return {"statusCode": 200, "body": "WORD"}
      Events:
        Api: {Type: Api, Properties: {Path: /rest, Method: get}}
        Http: {Type: HttpApi, Properties: {Path: /http, Method: get}}
        Queue: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn}}
        Rule: {Type: Schedule, Properties: {Schedule: rate(5 minutes)}}
Outputs:
  Rest: {Value: !Sub "${ServerlessRestApi}.execute-api.${AWS::Region}.amazonaws.com"}
  Http: {Value: !Sub "${ServerlessHttpApi}.execute-api.${AWS::Region}.amazonaws.com"}
"""


def test_a_serverless_template_becomes_a_running_application(cloud):
    cfn = cloud.client("cloudformation")
    made = deploy(cfn, "sam", SAM.replace("WORD", "first"))
    assert {"Fn", "FnRole", "FnAliaslive", "FnApiPermissionProd", "ServerlessRestApi", "ServerlessRestApiProdStage", "ServerlessHttpApi", "FnRule", "FnQueue"} <= made.keys()
    hosts = outputs(cfn, "sam")
    assert get(cloud, hosts["Rest"], "/Prod/rest") == (200, "first") == get(cloud, hosts["Http"], "/http")
    again = deploy(cfn, "sam", SAM.replace("WORD", "second").replace("/rest,", "/more,"))
    assert again["ServerlessRestApi"] == made["ServerlessRestApi"]
    assert get(cloud, hosts["Rest"], "/Prod/more") == (200, "second") and get(cloud, hosts["Rest"], "/Prod/rest")[0] == 403
    original = cfn.get_template(StackName="sam")["TemplateBody"]
    processed = cfn.get_template(StackName="sam", TemplateStage="Processed")["TemplateBody"]
    assert "AWS::Serverless-2016-10-31" in original and processed["Resources"]["Fn"]["Type"] == "AWS::Lambda::Function" and "Transform" not in processed
    gone(cfn, "sam")
    assert status(cfn, cfn.list_stacks()["StackSummaries"][0]["StackId"]) == "DELETE_COMPLETE", reasons(cfn, "sam")


def test_a_serverless_template_needs_to_be_acknowledged_as_a_macro(cloud):
    cfn = cloud.client("cloudformation")
    try:
        cfn.create_stack(StackName="ack", TemplateBody=SAM, Capabilities=["CAPABILITY_IAM"])
    except cfn.exceptions.InsufficientCapabilitiesException as error:
        assert error.response["Error"]["Message"] == "Requires capabilities : [CAPABILITY_AUTO_EXPAND]"
    else:
        raise AssertionError(json.dumps("a macro ran without leave"))
