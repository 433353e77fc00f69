"""Parameters, conditions, mappings and pseudo parameters of stacks; templates looked at without a stack."""
from .templates import outputs, queue, refused, resources, stack, status, template

BODY = template({"Q": queue(VisibilityTimeout={"Ref": "Seconds"}), "Extra": {**queue(), "Condition": "Prod"}},
                Parameters={"Seconds": {"Type": "Number", "Default": 10, "MaxValue": 100}, "Env": {"Type": "String", "AllowedValues": ["prod", "dev"]},
                            "Secret": {"Type": "String", "NoEcho": True, "Default": "x"}},
                Conditions={"Prod": {"Fn::Equals": [{"Ref": "Env"}, "prod"]}},
                Outputs={"Where": {"Value": {"Fn::Sub": "${AWS::Region}/${AWS::AccountId}/${AWS::StackName}/${AWS::Partition}/${AWS::URLSuffix}"}},
                         "Only": {"Condition": "Prod", "Value": {"Ref": "Extra"}}})


def test_parameters_are_checked_before_a_stack_exists(cloud):
    cfn = cloud.client("cloudformation")
    assert refused(cfn.create_stack, StackName="p", TemplateBody=BODY) == ("ValidationError", "Parameters: [Env] must have values")
    one = {"ParameterKey": "Env", "ParameterValue": "test"}
    assert refused(cfn.create_stack, StackName="p", TemplateBody=BODY, Parameters=[one])[1] == "Parameter 'Env' must be one of AllowedValues"
    assert refused(cfn.create_stack, StackName="p", TemplateBody=BODY, Parameters=[{"ParameterKey": "Z", "ParameterValue": "1"}])[1] == (
        "Parameters: [Z] do not exist in the template")
    assert cfn.list_stacks()["StackSummaries"] == []


def test_a_resource_whose_condition_turns_false_is_deleted_by_the_update(cloud):
    cfn = cloud.client("cloudformation")
    cfn.create_stack(StackName="cond", TemplateBody=BODY, Parameters=[{"ParameterKey": "Env", "ParameterValue": "prod"}])
    assert set(resources(cfn, "cond")) == {"Q", "Extra"}
    assert outputs(cfn, "cond")["Where"] == f"us-east-1/{cloud.account}/cond/aws/amazonaws.com" and "Only" in outputs(cfn, "cond")
    cfn.update_stack(StackName="cond", UsePreviousTemplate=True, Parameters=[{"ParameterKey": "Env", "ParameterValue": "dev"},
                                                                           {"ParameterKey": "Seconds", "UsePreviousValue": True}])
    assert status(cfn, "cond") == "UPDATE_COMPLETE" and set(resources(cfn, "cond")) == {"Q"} and "Only" not in outputs(cfn, "cond")


def test_hidden_parameters_are_shown_as_stars(cloud):
    cfn = cloud.client("cloudformation")
    cfn.create_stack(StackName="hid", TemplateBody=BODY, Parameters=[{"ParameterKey": "Env", "ParameterValue": "dev"}, {"ParameterKey": "Secret", "ParameterValue": "pssst"}])
    shown = {x["ParameterKey"]: x["ParameterValue"] for x in stack(cfn, "hid")["Parameters"]}
    assert shown == {"Env": "dev", "Seconds": "10", "Secret": "****"}


def test_a_template_is_validated_and_summarised(cloud):
    cfn = cloud.client("cloudformation")
    valid = cfn.validate_template(TemplateBody=BODY)
    assert {x["ParameterKey"]: (x.get("DefaultValue"), x["NoEcho"]) for x in valid["Parameters"]} == {"Seconds": ("10", False), "Env": (None, False), "Secret": ("x", True)}
    summary = cfn.get_template_summary(TemplateBody=BODY)
    assert summary["ResourceTypes"] == ["AWS::SQS::Queue"] and {x["ParameterKey"]: x["ParameterType"] for x in summary["Parameters"]}["Seconds"] == "Number"
    assert [x["ParameterConstraints"] for x in summary["Parameters"] if x["ParameterKey"] == "Env"] == [{"AllowedValues": ["prod", "dev"]}]
    sam = cfn.validate_template(TemplateBody="Transform: AWS::Serverless-2016-10-31\nResources: {F: {Type: 'AWS::Serverless::Function', Properties: {Runtime: python3.12}}}")
    assert sam["DeclaredTransforms"] == ["AWS::Serverless-2016-10-31"] and "CAPABILITY_AUTO_EXPAND" in sam["Capabilities"]
    assert refused(cfn.validate_template, TemplateBody="Resources: {}") == ("ValidationError", "Template format error: At least one Resources member must be defined.")
    assert refused(cfn.validate_template, TemplateBody="x" * 51201)[0] == "ValidationError"


def test_mistakes_in_templates_are_told_before_a_stack_exists(cloud):
    cfn = cloud.client("cloudformation")
    assert refused(cfn.create_stack, StackName="m", TemplateBody=template({"A": queue(QueueName={"Ref": "B"})}))[1] == (
        "Template format error: Unresolved resource dependencies [B] in the Resources block of the template")
    circle = template({"A": {**queue(), "DependsOn": "B"}, "B": {**queue(), "DependsOn": "A"}})
    assert refused(cfn.create_stack, StackName="m", TemplateBody=circle)[1] == "Circular dependency between resources: [A, B]"
    assert refused(cfn.create_stack, StackName="m", TemplateBody=template({"A": queue()}, Outputs={"O": {"Value": {"Fn::GetAtt": ["A", "Colour"]}}}))[1] == (
        "Template error: resource A does not support attribute type Colour in Fn::GetAtt")
    assert refused(cfn.create_stack, StackName="1m", TemplateBody=template({"A": queue()}))[0] == "ValidationError"
    assert refused(cfn.create_stack, StackName="m")[1] == "Either Template URL or Template Body must be specified."


def test_for_each_makes_one_resource_an_item(cloud):
    cfn = cloud.client("cloudformation")
    body = template({"Fn::ForEach::Queues": ["Name", {"Ref": "Names"}, {"Q${Name}": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Fn::Sub": "each-${Name}"}}}}]},
                    Transform="AWS::LanguageExtensions", Parameters={"Names": {"Type": "CommaDelimitedList", "Default": "a,b"}},
                    Outputs={"N": {"Value": {"Fn::Length": {"Ref": "Names"}}}, "J": {"Value": {"Fn::ToJsonString": {"a": {"Ref": "Names"}}}}})
    cfn.create_stack(StackName="each", TemplateBody=body)
    assert status(cfn, "each") == "CREATE_COMPLETE" and set(resources(cfn, "each")) == {"Qa", "Qb"}
    assert outputs(cfn, "each") == {"N": "2", "J": '{"a":["a","b"]}'}
    assert set(cfn.get_template(StackName="each", TemplateStage="Processed")["TemplateBody"]["Resources"]) == {"Qa", "Qb"}


def test_every_constraint_of_a_parameter_is_kept_and_every_type_means_its_value(cloud):
    cfn, ssm = cloud.client("cloudformation"), cloud.client("ssm")
    ssm.put_parameter(Name="/list", Value="a,b", Type="StringList")
    vpc = cloud.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]

    def asked(value, **declared):
        body = template({"Q": queue()}, Parameters={"P": declared}, Outputs={"O": {"Value": {"Fn::Join": ["|", {"Ref": "P"}]} if "List" in declared["Type"] else {"Ref": "P"}}})
        return {"StackName": "p", "TemplateBody": body, "Parameters": [{"ParameterKey": "P", "ParameterValue": value}]}

    for says, value, declared in (
            ("Parameter 'P' must match pattern [a-z]+", "A1", {"Type": "String", "AllowedPattern": "[a-z]+"}), ("Parameter failed", "A1", {"Type": "String", "AllowedPattern": "[a-z]+", "ConstraintDescription": "lower"}),
            ("Parameter 'P' must contain at least 3 characters", "ab", {"Type": "String", "MinLength": 3}), ("Parameter 'P' must contain at most 3 characters", "abcd", {"Type": "String", "MaxLength": "3"}),
            ("Parameter 'P' must be a number not less than 5", "4", {"Type": "Number", "MinValue": 5}), ("Parameter 'P' must be a number not greater than 5", "6", {"Type": "Number", "MaxValue": 5}),
            ("Parameter 'P' must be a number", "x", {"Type": "Number"}), ("Parameter 'P' must be one of AllowedValues", "c", {"Type": "CommaDelimitedList", "AllowedValues": ["a", "b"]})):
        code, message = refused(cfn.create_stack, **asked(value, **declared))
        assert code == "ValidationError" and message == (says if says != "Parameter failed" else "Parameter P failed to satisfy constraint: lower")
    assert cfn.list_stacks()["StackSummaries"] == []
    for number, (value, kind, means) in enumerate((("x", "String", "x"), ("1.5", "Number", "1.5"), ("1,2", "List<Number>", "1|2"), ("a, b", "CommaDelimitedList", "a|b"), (vpc, "AWS::EC2::VPC::Id", vpc),
                                                   (f"{vpc},{vpc}", "List<AWS::EC2::VPC::Id>", f"{vpc}|{vpc}"), ("/list", "AWS::SSM::Parameter::Name", "/list"),
                                                   ("/list", "AWS::SSM::Parameter::Value<List<String>>", "a|b"))):
        cfn.create_stack(**asked(value, Type=kind) | {"StackName": f"p{number}"})
        assert outputs(cfn, f"p{number}") == {"O": means}, kind


def test_what_is_hidden_stays_hidden_in_events(cloud):
    cfn = cloud.client("cloudformation")
    body = template({"Q": queue(Tags=[{"Key": "word", "Value": {"Fn::Sub": "<${Word}>"}}]), "Open": queue(DelaySeconds=3)}, Parameters={"Word": {"Type": "String", "NoEcho": True}})
    cfn.create_stack(StackName="hush", TemplateBody=body, Parameters=[{"ParameterKey": "Word", "ParameterValue": "pssst"}])
    assert status(cfn, "hush") == "CREATE_COMPLETE"
    url = resources(cfn, "hush")["Q"]["PhysicalResourceId"]
    assert cloud.client("sqs").list_queue_tags(QueueUrl=url)["Tags"]["word"] == "<pssst>"
    told = {x["LogicalResourceId"]: x["ResourceProperties"] for x in cfn.describe_stack_events(StackName="hush")["StackEvents"] if "ResourceProperties" in x}
    assert "<****>" in told["Q"] and told["Open"] == '{"DelaySeconds":3}'
    assert "pssst" not in str(cfn.describe_stack_events(StackName="hush"))
