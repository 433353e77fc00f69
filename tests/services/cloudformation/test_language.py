"""The template language through a client: every function, every pseudo parameter in conditions, every kind of dynamic reference; and how large a template may be."""
import base64
import json

from .templates import outputs, queue, reasons, refused, resources, stack, status, template


def test_every_intrinsic_function_means_what_it_says(cloud):
    cfn = cloud.client("cloudformation")
    cfn.create_stack(StackName="gives", TemplateBody=template({"Q": queue()}, Outputs={"O": {"Value": "given", "Export": {"Name": "lang-export"}}}))
    assert status(cfn, "gives") == "CREATE_COMPLETE"
    values = {
        "Ref": {"Ref": "Q"}, "AttList": {"Fn::GetAtt": ["Q", "Arn"]}, "AttDotted": {"Fn::GetAtt": "Q.QueueName"},
        "Sub": {"Fn::Sub": "${Word}-${Q.QueueName}-${!Literal}"}, "SubMap": {"Fn::Sub": ["${A}${Word}", {"A": {"Fn::Join": ["", ["x", "y"]]}}]},
        "Join": {"Fn::Join": ["/", ["a", {"Ref": "Word"}, "c"]]}, "Select": {"Fn::Select": ["1", {"Ref": "Words"}]}, "Split": {"Fn::Select": [2, {"Fn::Split": ["|", "p|q|r"]}]},
        "Map": {"Fn::FindInMap": ["M", {"Ref": "AWS::Region"}, "Size"]}, "MapDefault": {"Fn::FindInMap": ["M", "nowhere", "Size", {"DefaultValue": {"Fn::Sub": "${Word}!"}}]},
        "Base64": {"Fn::Base64": {"Fn::Sub": "echo ${Word}"}}, "Cidr": {"Fn::Join": [" ", {"Fn::Cidr": ["10.0.0.0/16", 3, 8]}]}, "Cidr6": {"Fn::Join": [" ", {"Fn::Cidr": ["fd00::/56", "2", "64"]}]},
        "AZs": {"Fn::Join": [",", {"Fn::GetAZs": ""}]}, "FirstAZ": {"Fn::Select": [0, {"Fn::GetAZs": {"Ref": "AWS::Region"}}]}, "Import": {"Fn::ImportValue": {"Fn::Sub": "lang-${What}"}},
        "If": {"Fn::If": ["Both", "yes", "no"]}, "IfNot": {"Fn::If": ["Neither", "yes", {"Fn::If": ["Either", "either", "none"]}]},
        "Length": {"Fn::Length": {"Fn::Split": [",", "1,2,3"]}}, "Json": {"Fn::ToJsonString": {"a": [{"Ref": "Word"}, 1]}},
    }
    kept = {**queue(QueueName="kept"), "DeletionPolicy": {"Fn::If": ["Both", "Retain", "Delete"]}}
    body = template({"Q": queue(), "Kept": kept}, Outputs={k: {"Value": v} for k, v in values.items()}, Transform="AWS::LanguageExtensions", Mappings={"M": {"us-east-1": {"Size": "large"}}},
                    Parameters={"Word": {"Type": "String", "Default": "word"}, "Words": {"Type": "CommaDelimitedList", "Default": "one, two"}, "What": {"Type": "String", "Default": "export"}},
                    Conditions={"IsWord": {"Fn::Equals": [{"Ref": "Word"}, "word"]}, "Both": {"Fn::And": [{"Condition": "IsWord"}, {"Fn::Not": [{"Fn::Equals": ["a", "b"]}]}]},
                                "Either": {"Fn::Or": [{"Fn::Equals": ["a", "b"]}, {"Condition": "IsWord"}]}, "Neither": {"Fn::Not": [{"Condition": "Either"}]}})
    cfn.create_stack(StackName="lang", TemplateBody=body)
    assert status(cfn, "lang") == "CREATE_COMPLETE", reasons(cfn, "lang")
    url = resources(cfn, "lang")["Q"]["PhysicalResourceId"]
    name = url.rsplit("/", 1)[1]
    zones = sorted(x["AvailabilityZone"] for x in cloud.client("ec2").describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"])
    assert outputs(cfn, "lang") == {
        "Ref": url, "AttList": f"arn:aws:sqs:us-east-1:{cloud.account}:{name}", "AttDotted": name, "Sub": f"word-{name}-${{Literal}}", "SubMap": "xyword", "Join": "a/word/c", "Select": "two",
        "Split": "r", "Map": "large", "MapDefault": "word!", "Base64": base64.b64encode(b"echo word").decode(), "Cidr": "10.0.0.0/24 10.0.1.0/24 10.0.2.0/24", "Cidr6": "fd00::/64 fd00:0:0:1::/64",
        "AZs": ",".join(zones), "FirstAZ": zones[0], "Import": "given", "If": "yes", "IfNot": "either", "Length": "3", "Json": '{"a":["word",1]}'}
    cfn.delete_stack(StackName="lang")
    assert refused(cfn.describe_stacks, StackName="lang")[0] == "ValidationError" and [x.rsplit("/", 1)[1] for x in cloud.client("sqs").list_queues(QueueNamePrefix="kept")["QueueUrls"]] == ["kept"]


def test_zones_are_those_with_a_default_subnet(cloud):
    cfn, ec2 = cloud.client("cloudformation"), cloud.client("ec2")
    subnets = {x["AvailabilityZone"]: x["SubnetId"] for x in ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]}
    ec2.delete_subnet(SubnetId=subnets.pop("us-east-1a"))
    cfn.create_stack(StackName="zones", TemplateBody=template({"Q": queue()}, Outputs={"Z": {"Value": {"Fn::Join": [",", {"Fn::GetAZs": "us-east-1"}]}}}))
    assert outputs(cfn, "zones")["Z"] == ",".join(sorted(subnets))


def test_a_function_with_the_wrong_arguments_is_refused_in_its_own_words(cloud):
    cfn = cloud.client("cloudformation")

    def says(value, **sections):
        return refused(cfn.create_stack, StackName="wrong", TemplateBody=template({"Q": queue(QueueName=value)}, **sections))

    assert says({"Ref": "Nobody"}) == ("ValidationError", "Template format error: Unresolved resource dependencies [Nobody] in the Resources block of the template")
    assert says({"Fn::Sub": "${Nobody}"})[1] == "Template format error: Unresolved resource dependencies [Nobody] in the Resources block of the template"
    assert says({"Fn::GetAtt": ["Nobody", "Arn"]})[0] == "ValidationError"
    assert says({"Fn::If": ["Nowhere", 1, 2]}) == ("ValidationError", "Template format error: Unresolved condition dependency Nowhere in the Resources block of the template")


def test_every_pseudo_parameter_may_be_used_in_a_condition(cloud):
    cfn, sns = cloud.client("cloudformation"), cloud.client("sns")
    topic = sns.create_topic(Name="told")["TopicArn"]
    conditions = {
        "Account": {"Fn::Equals": [{"Ref": "AWS::AccountId"}, cloud.account]}, "Region": {"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]},
        "Partition": {"Fn::Equals": [{"Ref": "AWS::Partition"}, "aws"]}, "Suffix": {"Fn::Equals": [{"Ref": "AWS::URLSuffix"}, "amazonaws.com"]},
        "Name": {"Fn::Equals": [{"Ref": "AWS::StackName"}, "pseudo"]}, "Id": {"Fn::Equals": [{"Fn::Select": [1, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]}, "pseudo"]},
        "Told": {"Fn::Equals": [{"Fn::Select": [0, {"Ref": "AWS::NotificationARNs"}]}, topic]},
        "NoValue": {"Fn::Equals": [{"Ref": "AWS::NoValue"}, ""]},
        "Elsewhere": {"Fn::Equals": [{"Ref": "AWS::Region"}, "eu-west-1"]},
    }
    body = template({"Always": queue(), **{f"Q{name}": {**queue(), "Condition": name} for name in conditions}}, Conditions=conditions)
    cfn.create_stack(StackName="pseudo", TemplateBody=body, NotificationARNs=[topic])
    assert status(cfn, "pseudo") == "CREATE_COMPLETE", reasons(cfn, "pseudo")
    assert set(resources(cfn, "pseudo")) == {"Always", *(f"Q{name}" for name in conditions if name != "Elsewhere")}


def test_no_value_drops_the_property_and_pseudo_parameters_have_their_values(cloud):
    cfn, sqs = cloud.client("cloudformation"), cloud.client("sqs")
    body = template({"Q": queue(VisibilityTimeout={"Fn::If": ["Long", 900, {"Ref": "AWS::NoValue"}]}, QueueName={"Fn::Sub": "${AWS::StackName}-x"})},
                    Conditions={"Long": {"Fn::Equals": ["a", "b"]}}, Outputs={"Id": {"Value": {"Ref": "AWS::StackId"}}})
    made = cfn.create_stack(StackName="novalue", TemplateBody=body)
    assert status(cfn, "novalue") == "CREATE_COMPLETE" and outputs(cfn, "novalue")["Id"] == made["StackId"]
    url = resources(cfn, "novalue")["Q"]["PhysicalResourceId"]
    assert url.endswith("/novalue-x")
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]["VisibilityTimeout"] == "30"


def test_dynamic_references_are_resolved_at_deployment_and_shown_nowhere(cloud):
    cfn, ssm, secrets, sqs = (cloud.client(x) for x in ("cloudformation", "ssm", "secretsmanager", "sqs"))
    ssm.put_parameter(Name="/seconds", Value="11", Type="String")
    ssm.put_parameter(Name="/seconds", Value="22", Type="String", Overwrite=True)
    secret = secrets.create_secret(Name="db", SecretString=json.dumps({"user": "u-1", "pin": 1}))
    first = secret["VersionId"]
    secrets.put_secret_value(SecretId="db", SecretString=json.dumps({"user": "u-2", "pin": 2}))
    secrets.create_secret(Name="plain", SecretString="whole-text")

    def tags(**values):
        return [{"Key": k, "Value": v} for k, v in values.items()]

    body = template({"Q": queue(VisibilityTimeout="{{resolve:ssm:/seconds}}", MessageRetentionPeriod="6{{resolve:ssm:/seconds:1}}", Tags=tags(
        user="{{resolve:secretsmanager:db:SecretString:user}}", before="{{resolve:secretsmanager:db:SecretString:user:AWSPREVIOUS}}",
        version=f"{{{{resolve:secretsmanager:db:SecretString:pin::{first}}}}}", arn=f"{{{{resolve:secretsmanager:{secret['ARN']}:SecretString:pin}}}}",
        whole={"Fn::Join": ["", ["<", "{{resolve:secretsmanager:plain}}", ">"]]}, joined={"Fn::Sub": "{{resolve:ssm:/${Name}}}"}))},
        Parameters={"Name": {"Type": "String", "Default": "seconds"}})
    cfn.create_stack(StackName="dyn", TemplateBody=body)
    assert status(cfn, "dyn") == "CREATE_COMPLETE", reasons(cfn, "dyn")
    url = resources(cfn, "dyn")["Q"]["PhysicalResourceId"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (found["VisibilityTimeout"], found["MessageRetentionPeriod"]) == ("22", "611")
    seen = sqs.list_queue_tags(QueueUrl=url)["Tags"]
    assert {k: v for k, v in seen.items() if not k.startswith("aws:")} == {"user": "u-2", "before": "u-1", "version": "1", "arn": "2", "whole": "<whole-text>", "joined": "22"}
    for text in (str(cfn.describe_stack_events(StackName="dyn")), str(cfn.get_template(StackName="dyn")), str(stack(cfn, "dyn"))):
        assert "u-2" not in text and "whole-text" not in text
    assert "{{resolve:secretsmanager:db:SecretString:user}}" in json.dumps(cfn.get_template(StackName="dyn")["TemplateBody"])
    ssm.put_parameter(Name="/seconds", Value="33", Type="String", Overwrite=True)
    cfn.update_stack(StackName="dyn", TemplateBody=body)  # never «no updates»
    assert status(cfn, "dyn") == "UPDATE_COMPLETE"


def test_secure_parameters_are_resolved_where_they_are_allowed_only(cloud):
    cfn, ssm = cloud.client("cloudformation"), cloud.client("ssm")
    ssm.put_parameter(Name="/pass", Value="Sup3r-secret!", Type="SecureString")
    user = {"Type": "AWS::IAM::User", "Properties": {"LoginProfile": {"Password": "{{resolve:ssm-secure:/pass:1}}"}}}
    cfn.create_stack(StackName="secure", TemplateBody=template({"U": user}), Capabilities=["CAPABILITY_IAM"])
    assert status(cfn, "secure") == "CREATE_COMPLETE", reasons(cfn, "secure")
    name = resources(cfn, "secure")["U"]["PhysicalResourceId"]
    assert cloud.client("iam").get_login_profile(UserName=name)["LoginProfile"]["UserName"] == name
    assert "Sup3r" not in str(cfn.describe_stack_events(StackName="secure"))
    code, message = refused(cfn.create_stack, StackName="not", TemplateBody=template({"Q": queue(QueueName="{{resolve:ssm-secure:/pass}}")}))
    assert (code, message) == ("ValidationError", "SSM Secure reference is not supported in: [AWS::SQS::Queue/Properties/QueueName]")
    cfn.create_stack(StackName="plain", TemplateBody=template({"Q": queue(QueueName="{{resolve:ssm:/pass}}")}))
    assert status(cfn, "plain") == "ROLLBACK_COMPLETE" and "Non-secure ssm prefix was used for secure parameter: [/pass]" in reasons(cfn, "plain")


def test_a_dynamic_reference_to_nothing_fails_the_resource(cloud):
    cfn, secrets = cloud.client("cloudformation"), cloud.client("secretsmanager")
    secrets.create_secret(Name="db", SecretString='{"user": "u"}')
    for name, text, says in (("a", "{{resolve:ssm:/nothing:1}}", f"Parameters: [ssm:/nothing:1:{cloud.account}] cannot be found."), ("b", "{{resolve:secretsmanager:nothing}}", "can't find"),
                             ("c", "{{resolve:secretsmanager:db:SecretString:pin}}", "Could not find a value associated with JSONKey in SecretString: pin")):
        cfn.create_stack(StackName=name, TemplateBody=template({"Q": queue(QueueName=text)}))
        assert status(cfn, name) == "ROLLBACK_COMPLETE" and says in reasons(cfn, name), reasons(cfn, name)


def test_a_parameter_that_names_an_ssm_parameter_is_looked_up_again_by_every_update(cloud):
    cfn, ssm = cloud.client("cloudformation"), cloud.client("ssm")
    ssm.put_parameter(Name="/ami", Value="ami-1", Type="String")
    body = template({"Q": queue(Tags=[{"Key": "ami", "Value": {"Ref": "Ami"}}])}, Parameters={"Ami": {"Type": "AWS::SSM::Parameter::Value<String>"}})
    cfn.create_stack(StackName="ami", TemplateBody=body, Parameters=[{"ParameterKey": "Ami", "ParameterValue": "/ami"}])
    assert stack(cfn, "ami")["Parameters"] == [{"ParameterKey": "Ami", "ParameterValue": "/ami", "ResolvedValue": "ami-1"}]
    keep = {"UsePreviousTemplate": True, "Parameters": [{"ParameterKey": "Ami", "UsePreviousValue": True}]}
    assert refused(cfn.update_stack, StackName="ami", **keep) == ("ValidationError", "No updates are to be performed.")
    ssm.put_parameter(Name="/ami", Value="ami-2", Type="String", Overwrite=True)
    cfn.update_stack(StackName="ami", **keep)
    assert status(cfn, "ami") == "UPDATE_COMPLETE"
    assert stack(cfn, "ami")["Parameters"] == [{"ParameterKey": "Ami", "ParameterValue": "/ami", "ResolvedValue": "ami-2"}]
    url = resources(cfn, "ami")["Q"]["PhysicalResourceId"]
    assert cloud.client("sqs").list_queue_tags(QueueUrl=url)["Tags"]["ami"] == "ami-2"


def test_a_template_has_its_limits(cloud):
    cfn, s3 = cloud.client("cloudformation"), cloud.client("s3")
    bucket = f"limits-{cloud.account}"
    s3.create_bucket(Bucket=bucket)

    def says(body):
        s3.put_object(Bucket=bucket, Key="t.json", Body=body)
        return refused(cfn.create_stack, StackName="limits", TemplateURL=f"https://{bucket}.s3.us-east-1.amazonaws.com/t.json")

    handle, one = {"Type": "AWS::CloudFormation::WaitConditionHandle"}, {"Q": queue()}
    assert says(template({f"H{n}": handle for n in range(501)})) == ("ValidationError", "Template format error: Number of resources, 501, is greater than maximum allowed, 500")
    assert says(template(one, Parameters={f"P{n}": {"Type": "String", "Default": "x"} for n in range(201)}))[1] == (
        "Template format error: Number of parameters, 201, is greater than maximum allowed, 200")
    assert says(template(one, Outputs={f"O{n}": {"Value": "x"} for n in range(201)}))[1] == "Template format error: Number of outputs, 201, is greater than maximum allowed, 200"
    assert says(template(one, Mappings={f"M{n}": {"a": {"b": "c"}} for n in range(201)}))[1] == "Template format error: Number of mappings, 201, is greater than maximum allowed, 200"
    long = template(one, Metadata={"x": "y" * 1_048_576})
    assert "1048576" in says(long)[1]
    assert refused(cfn.create_stack, StackName="limits", TemplateBody=template(one, Metadata={"x": "y" * 51_200})) == (
        "ValidationError", "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to 51200")
    cfn.create_stack(StackName="n" + "a" * 127, TemplateBody=template(one))
    assert refused(cfn.create_stack, StackName="n" + "a" * 128, TemplateBody=template(one))[0] == "ValidationError"
    assert refused(cfn.create_stack, StackName="a_b", TemplateBody=template(one))[0] == "ValidationError"
    assert cfn.list_stacks(StackStatusFilter=["CREATE_COMPLETE", "CREATE_IN_PROGRESS"])["StackSummaries"][0]["StackName"] == "n" + "a" * 127


def test_a_blocked_runtime_fails_the_stack_with_lambdas_own_refusal(cloud):
    cfn = cloud.client("cloudformation")
    bucket = f"code-{cloud.account}"
    cloud.client("s3").create_bucket(Bucket=bucket)
    for name, runtime in (("older", "nodejs8.10"), ("old", "nodejs12.x")):
        body = ("AWSTemplateFormatVersion: '2010-09-09'\nTransform: AWS::Serverless-2016-10-31\nResources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n"
                f"      Handler: index.handler\n      Runtime: {runtime}\n      CodeUri: s3://{bucket}/code.zip\n")
        cfn.create_stack(StackName=name, TemplateBody=body, Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"])
        assert status(cfn, name) == "ROLLBACK_COMPLETE"
        assert f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions" in reasons(cfn, name), reasons(cfn, name)
    assert cloud.client("lambda").list_functions()["Functions"] == []
