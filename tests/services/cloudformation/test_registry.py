"""What else one may ask of CloudFormation: types, limits, aliases, hooks, summaries of stack sets."""
import json

from .templates import events, queue, refused, resources, stack, status, template


def test_the_types_of_aws_are_listed_and_described(cloud):
    cfn = cloud.client("cloudformation")
    found = cfn.list_types(Visibility="PUBLIC", Filters={"Category": "AWS_TYPES", "TypeNamePrefix": "AWS::SQS::"})["TypeSummaries"]
    assert {x["TypeName"] for x in found} >= {"AWS::SQS::Queue", "AWS::SQS::QueuePolicy"} and all(x["TypeName"].startswith("AWS::SQS::") for x in found)
    queues = next(x for x in found if x["TypeName"] == "AWS::SQS::Queue")
    assert queues == {"Type": "RESOURCE", "TypeName": "AWS::SQS::Queue", "TypeArn": "arn:aws:cloudformation:us-east-1::type/resource/AWS-SQS-Queue"}
    assert cfn.list_types()["TypeSummaries"] == [] == cfn.list_types(Visibility="PUBLIC", Type="HOOK")["TypeSummaries"]
    first = cfn.list_types(Visibility="PUBLIC", MaxResults=2)
    second = cfn.list_types(Visibility="PUBLIC", MaxResults=2, NextToken=first["NextToken"])
    names = [x["TypeName"] for x in first["TypeSummaries"] + second["TypeSummaries"]]
    assert len(names) == 4 == len(set(names)) and names == sorted(names)
    fixed = cfn.list_types(Visibility="PUBLIC", ProvisioningType="IMMUTABLE", Filters={"TypeNamePrefix": "AWS::Lambda::"})["TypeSummaries"]
    assert {"AWS::Lambda::LayerVersion", "AWS::Lambda::Permission"} <= {x["TypeName"] for x in fixed} and "AWS::Lambda::Function" not in {x["TypeName"] for x in fixed}
    by_name, by_arn = cfn.describe_type(Type="RESOURCE", TypeName="AWS::SQS::Queue"), cfn.describe_type(Arn=queues["TypeArn"])
    assert by_name["Schema"] == by_arn["Schema"] and (by_name["ProvisioningType"], by_name["Visibility"], by_name["DeprecatedStatus"]) == ("FULLY_MUTABLE", "PUBLIC", "LIVE")
    schema = json.loads(by_name["Schema"])
    assert schema["typeName"] == "AWS::SQS::Queue" and "VisibilityTimeout" in schema["properties"] and schema["primaryIdentifier"] == ["/properties/QueueUrl"]
    assert "/properties/FifoQueue" in schema["createOnlyProperties"] and "/properties/Arn" in schema["readOnlyProperties"]
    assert refused(cfn.describe_type, Type="RESOURCE", TypeName="AWS::Nothing::AtAll") == ("TypeNotFoundException", "The type 'AWS::Nothing::AtAll' cannot be found.")
    assert refused(cfn.describe_type, TypeName="AWS::SQS::Queue")[0] == "CFNRegistryException"


def test_an_alias_names_a_stack_wherever_its_name_does(cloud):
    cfn = cloud.client("cloudformation")
    body = template({"Q": queue(VisibilityTimeout=5)})
    made = cfn.create_stack(StackName="first", TemplateBody=body)["StackId"]
    assert status(cfn, "first") == "CREATE_COMPLETE"
    cfn.set_alias(StackName="first", AliasName="second")
    cfn.set_alias(StackName="first", AliasName="second")
    assert stack(cfn, "second")["StackId"] == made and (stack(cfn, "second")["StackName"], stack(cfn, "first")["AliasName"]) == ("first", "second")
    assert set(resources(cfn, "second")) == {"Q"} and events(cfn, "second")[-1] == ("first", "CREATE_COMPLETE")
    cfn.update_stack(StackName="second", TemplateBody=body.replace("5", "6"))
    assert status(cfn, "first") == "UPDATE_COMPLETE"
    assert refused(cfn.set_alias, StackName="first", AliasName="third")[0] == "ValidationError"  # one each
    assert refused(cfn.create_stack, StackName="second", TemplateBody=body)[0] == "AlreadyExistsException"
    cfn.create_stack(StackName="other", TemplateBody=body)
    assert status(cfn, "other") == "CREATE_COMPLETE"
    assert {refused(cfn.set_alias, StackName="other", AliasName=x)[0] for x in ("first", "second")} == {"AlreadyExistsException"}
    cfn.remove_alias(AliasName="second")
    assert refused(cfn.describe_stacks, StackName="second")[0] == "ValidationError" and "AliasName" not in stack(cfn, "first")
    assert refused(cfn.remove_alias, AliasName="second")[0] == "ValidationError"
    cfn.set_alias(StackName="first", AliasName="again")
    cfn.delete_stack(StackName="again")
    assert status(cfn, made) == "DELETE_COMPLETE" and refused(cfn.describe_stacks, StackName="again")[0] == "ValidationError"
    cfn.set_alias(StackName="other", AliasName="again")


def test_the_limits_of_an_account_are_told(cloud):
    limits = {x["Name"]: x["Value"] for x in cloud.client("cloudformation").describe_account_limits()["AccountLimits"]}
    assert limits == {"StackLimit": 2000, "StackOutputsLimit": 200, "ConcurrentResourcesLimit": 2500}


def test_a_change_set_has_no_hooks(cloud):
    cfn = cloud.client("cloudformation")
    made = cfn.create_change_set(StackName="s", ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=template({"Q": queue()}))
    shown = cfn.describe_change_set_hooks(ChangeSetName=made["Id"])
    assert (shown["Hooks"], shown["Status"], shown["ChangeSetId"], shown["StackName"]) == ([], "PLANNED", made["Id"], "s")
    assert refused(cfn.describe_change_set_hooks, ChangeSetName="none", StackName="s")[0] == "ChangeSetNotFound"


def test_the_template_of_a_stack_set_is_summarised(cloud):
    cfn = cloud.client("cloudformation")
    cfn.create_stack_set(StackSetName="set", TemplateBody=template({"Q": queue()}, Description="of a set"))
    found = cfn.get_template_summary(StackSetName="set")
    assert (found["ResourceTypes"], found["Description"]) == (["AWS::SQS::Queue"], "of a set")
    assert refused(cfn.get_template_summary, StackSetName="none")[0] == "StackSetNotFoundException"
    assert refused(cfn.get_template_summary, StackSetName="set", TemplateBody=template({"Q": queue()}))[0] == "ValidationError"
