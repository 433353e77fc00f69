"""Code signing configurations: whose signatures count, and what becomes of code without one."""
import json

from cloche.testing.people import Person, allow

from .conftest import ECHO, refused, zipped


def profile(bench, name="mine"):
    return f"arn:aws:signer:us-east-1:{bench.cloud.account}:/signing-profiles/{name}/abcdefghij"


def config(bench, policy=None, **more):
    policies = {"CodeSigningPolicies": {"UntrustedArtifactOnDeployment": policy}} if policy else {}
    return bench.client.create_code_signing_config(AllowedPublishers={"SigningProfileVersionArns": [profile(bench)]}, **policies, **more)["CodeSigningConfig"]


def test_a_configuration_is_made_shown_changed_listed_and_deleted(bench):
    client = bench.client
    made = config(bench, Description="ours", Tags={"team": "a"})
    arn = made["CodeSigningConfigArn"]
    assert arn == f"arn:aws:lambda:us-east-1:{bench.cloud.account}:code-signing-config:{made['CodeSigningConfigId']}" and len(made["CodeSigningConfigId"]) == 21
    assert made["CodeSigningPolicies"] == {"UntrustedArtifactOnDeployment": "Warn"} and made["AllowedPublishers"] == {"SigningProfileVersionArns": [profile(bench)]}
    assert client.get_code_signing_config(CodeSigningConfigArn=arn)["CodeSigningConfig"] == made
    assert client.list_code_signing_configs()["CodeSigningConfigs"] == [made] and client.list_tags(Resource=arn)["Tags"] == {"team": "a"}
    changed = client.update_code_signing_config(CodeSigningConfigArn=arn, CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Enforce"})["CodeSigningConfig"]
    assert changed["CodeSigningPolicies"] == {"UntrustedArtifactOnDeployment": "Enforce"} and changed["Description"] == "ours"
    refused(client.create_code_signing_config, "InvalidParameterValueException", AllowedPublishers={"SigningProfileVersionArns": ["arn:aws:s3:::bucket"]})
    client.delete_code_signing_config(CodeSigningConfigArn=arn)
    refused(client.get_code_signing_config, "ResourceNotFoundException", f"The Lambda code signing configuration {arn} can not be found.", CodeSigningConfigArn=arn)


def test_a_function_under_enforcement_takes_no_unsigned_code(bench):
    client = bench.client
    arn = config(bench, "Enforce")["CodeSigningConfigArn"]
    failed = "CodeVerificationFailedException"
    refused(client.create_function, failed, FunctionName="f", Role=bench.role(), Runtime="python3.11", Handler="index.handler", Code={"ZipFile": zipped(ECHO)}, CodeSigningConfigArn=arn)
    refused(client.get_function, "ResourceNotFoundException", FunctionName="f")
    before = bench.deploy()["CodeSha256"]
    assert "CodeSigningConfigArn" not in client.get_function_code_signing_config(FunctionName="f")
    assert client.put_function_code_signing_config(FunctionName="f", CodeSigningConfigArn=arn)["FunctionName"] == "f"
    assert client.get_function_code_signing_config(FunctionName="f")["CodeSigningConfigArn"] == arn
    assert bench.call("f", 1) == 1  # what runs goes on running
    refused(client.update_function_code, failed, FunctionName="f", ZipFile=zipped(ECHO + "# new"))
    layer = client.publish_layer_version(LayerName="l", Content={"ZipFile": zipped(ECHO)})["LayerVersionArn"]
    refused(client.update_function_configuration, failed, FunctionName="f", Layers=[layer])
    assert client.get_function_configuration(FunctionName="f")["CodeSha256"] == before
    client.update_function_configuration(FunctionName="f", Description="no code in it")
    bench.wait()
    refused(client.delete_code_signing_config, "ResourceConflictException", CodeSigningConfigArn=arn)
    assert client.list_functions_by_code_signing_config(CodeSigningConfigArn=arn)["FunctionArns"] == [client.get_function_configuration(FunctionName="f")["FunctionArn"]]
    client.delete_function_code_signing_config(FunctionName="f")
    client.update_function_code(FunctionName="f", ZipFile=zipped(ECHO + "# new"))
    client.delete_code_signing_config(CodeSigningConfigArn=arn)


def test_a_warning_lets_code_pass_and_counts_it(bench):
    arn = config(bench)["CodeSigningConfigArn"]
    bench.deploy(CodeSigningConfigArn=arn)
    assert bench.call("f", 1) == 1
    now = bench.cloud.now
    data = bench.cloud.client("cloudwatch").get_metric_statistics(Namespace="AWS/Lambda", MetricName="SignatureValidationErrors", Dimensions=[{"Name": "FunctionName", "Value": "f"}],
                                                                  StartTime=now - 600, EndTime=now + 600, Period=3600, Statistics=["Sum"])["Datapoints"]
    assert sum(point["Sum"] for point in data) == 1
    bench.client.delete_function(FunctionName="f")
    assert bench.client.list_functions_by_code_signing_config(CodeSigningConfigArn=arn)["FunctionArns"] == []


def test_a_configuration_that_is_not_there_is_said(bench):
    gone = f"arn:aws:lambda:us-east-1:{bench.cloud.account}:code-signing-config:csc-" + "0" * 17
    bench.deploy()
    text = f"The code signing configuration cannot be found. Check that the provided configuration is not deleted: {gone}."
    refused(bench.client.put_function_code_signing_config, "CodeSigningConfigNotFoundException", text, FunctionName="f", CodeSigningConfigArn=gone)
    refused(bench.client.create_function, "CodeSigningConfigNotFoundException", text, FunctionName="g", Role=bench.role(), Runtime="python3.11", Handler="index.handler",
            Code={"ZipFile": zipped(ECHO)}, CodeSigningConfigArn=gone)


def test_who_makes_functions_may_be_held_to_a_configuration(bench):
    good, other = config(bench)["CodeSigningConfigArn"], config(bench)["CodeSigningConfigArn"]
    role = bench.role()
    held = {"Condition": {"StringEquals": {"lambda:CodeSigningConfigArn": good}}}
    person = Person(bench.cloud, "dev", allow("lambda:CreateFunction") | held, allow("iam:PassRole")).client("lambda")
    wanted = {"FunctionName": "f", "Role": role, "Runtime": "python3.11", "Handler": "index.handler", "Code": {"ZipFile": zipped(ECHO)}}
    for more in ({}, {"CodeSigningConfigArn": other}):
        refused(person.create_function, "AccessDeniedException", **wanted, **more)
    assert person.create_function(**wanted, CodeSigningConfigArn=good)["FunctionName"] == "f"


def test_a_template_makes_a_configuration_and_binds_functions_to_it(bench):
    role = bench.role()
    template = {"Resources": {
        "Signing": {"Type": "AWS::Lambda::CodeSigningConfig", "Properties": {"AllowedPublishers": {"SigningProfileVersionArns": [profile(bench)]}, "Tags": [{"Key": "team", "Value": "a"}]}},
        "F": {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": "f", "Runtime": "python3.11", "Handler": "index.handler", "Role": role, "Code": {"ZipFile": ECHO},
                                                              "CodeSigningConfigArn": {"Ref": "Signing"}}}},
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Signing", "CodeSigningConfigArn"]}}}}
    cfn = bench.cloud.client("cloudformation")
    cfn.create_stack(StackName="s", TemplateBody=json.dumps(template))
    cfn.get_waiter("stack_create_complete").wait(StackName="s", WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    arn = cfn.describe_stacks(StackName="s")["Stacks"][0]["Outputs"][0]["OutputValue"]
    assert bench.client.get_function_code_signing_config(FunctionName="f")["CodeSigningConfigArn"] == arn
    del template["Resources"]["F"]["Properties"]["CodeSigningConfigArn"]
    template["Resources"]["Signing"]["Properties"]["Description"] = "changed"
    cfn.update_stack(StackName="s", TemplateBody=json.dumps(template))
    cfn.get_waiter("stack_update_complete").wait(StackName="s", WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    assert "CodeSigningConfigArn" not in bench.client.get_function_code_signing_config(FunctionName="f")
    assert bench.client.get_code_signing_config(CodeSigningConfigArn=arn)["CodeSigningConfig"]["Description"] == "changed"
