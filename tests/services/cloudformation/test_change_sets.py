"""Change sets: looked at, executed, thrown away."""
from .templates import events, queue, refused, resources, role, status, template

ONE = template({"A": queue(VisibilityTimeout=10), "B": queue(QueueName="cs-b"), "P": {"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": [{"Ref": "B"}],
                "PolicyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}]}}}, "C": queue()})


def changes(cfn, stack, name, **more):
    found = cfn.describe_change_set(StackName=stack, ChangeSetName=name, **more)
    return {x["ResourceChange"]["LogicalResourceId"]: x["ResourceChange"] for x in found["Changes"]}


def test_a_change_set_of_type_create_waits_in_review(cloud):
    cfn = cloud.client("cloudformation")
    made = cfn.create_change_set(StackName="rev", ChangeSetName="first", ChangeSetType="CREATE", TemplateBody=ONE, Description="d")
    cfn.get_waiter("change_set_create_complete").wait(ChangeSetName=made["Id"])
    assert cfn.get_template(StackName="rev")["TemplateBody"] == ""  # the CDK asks before it executes
    assert status(cfn, "rev") == "REVIEW_IN_PROGRESS" and {x["Action"] for x in changes(cfn, "rev", "first").values()} == {"Add"}
    assert cloud.client("sqs").list_queues().get("QueueUrls", []) == []
    assert [x["ChangeSetName"] for x in cfn.list_change_sets(StackName="rev")["Summaries"]] == ["first"]
    cfn.execute_change_set(StackName="rev", ChangeSetName="first")
    assert status(cfn, "rev") == "CREATE_COMPLETE" and set(resources(cfn, "rev")) == {"A", "B", "C", "P"}
    assert events(cfn, "rev")[:2] == [("rev", "REVIEW_IN_PROGRESS"), ("rev", "CREATE_IN_PROGRESS")]
    assert refused(cfn.create_change_set, StackName="rev", ChangeSetName="x", ChangeSetType="CREATE", TemplateBody=ONE)[0] == "ValidationError"


def test_a_change_set_tells_what_is_modified_replaced_added_and_removed(cloud):
    cfn = cloud.client("cloudformation")
    cfn.create_stack(StackName="cs", TemplateBody=ONE)
    assert status(cfn, "cs") == "CREATE_COMPLETE"
    two = ONE.replace('"VisibilityTimeout": 10', '"VisibilityTimeout": 20').replace("cs-b", "cs-c").replace('"C": ', '"D": ')
    cfn.create_change_set(StackName="cs", ChangeSetName="two", TemplateBody=two)
    found = changes(cfn, "cs", "two", IncludePropertyValues=True)
    assert {k: (v["Action"], v.get("Replacement")) for k, v in found.items()} == {
        "A": ("Modify", "False"), "B": ("Modify", "True"), "P": ("Modify", "False"), "D": ("Add", None), "C": ("Remove", None)}
    [detail] = found["A"]["Details"]
    assert detail["Target"]["Name"] == "VisibilityTimeout" and (detail["Target"]["BeforeValue"], detail["Target"]["AfterValue"]) == ("10", "20")
    assert found["P"]["Details"][0]["CausingEntity"] == "B" and found["P"]["Details"][0]["ChangeSource"] == "ResourceReference"
    before = resources(cfn, "cs")["A"]["PhysicalResourceId"]
    cfn.create_change_set(StackName="cs", ChangeSetName="other", TemplateBody=two)
    assert refused(cfn.create_change_set, StackName="cs", ChangeSetName="other", TemplateBody=two)[0] == "AlreadyExistsException"
    assert cfn.get_template(StackName="cs", ChangeSetName="two")["TemplateBody"]["Resources"]["A"]["Properties"]["VisibilityTimeout"] == 20
    cfn.execute_change_set(StackName="cs", ChangeSetName="two")
    assert status(cfn, "cs") == "UPDATE_COMPLETE" and resources(cfn, "cs")["A"]["PhysicalResourceId"] == before
    assert cfn.list_change_sets(StackName="cs")["Summaries"] == []


def test_a_change_set_without_changes_fails_and_cannot_be_executed(cloud):
    cfn = cloud.client("cloudformation")
    cfn.create_stack(StackName="none", TemplateBody=ONE)
    cfn.create_change_set(StackName="none", ChangeSetName="same", TemplateBody=ONE)
    shown = cfn.describe_change_set(StackName="none", ChangeSetName="same")
    assert (shown["Status"], shown["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE") and shown["StatusReason"].startswith("The submitted information didn't contain changes.")
    assert refused(cfn.execute_change_set, StackName="none", ChangeSetName="same")[0] == "InvalidChangeSetStatus"
    cfn.delete_change_set(StackName="none", ChangeSetName="same")
    assert refused(cfn.describe_change_set, StackName="none", ChangeSetName="same")[0] == "ChangeSetNotFound"
    assert refused(cfn.create_change_set, StackName="nostack", ChangeSetName="same", TemplateBody=ONE) == ("ValidationError", "Stack [nostack] does not exist")


def test_a_broken_serverless_template_fails_its_change_set_with_the_translators_words(cloud):
    cfn = cloud.client("cloudformation")
    cfn.create_change_set(StackName="sam", ChangeSetName="bad", ChangeSetType="CREATE", Capabilities=["CAPABILITY_IAM"], TemplateBody=(
        "Transform: AWS::Serverless-2016-10-31\nResources: {Bad: {Type: 'AWS::Serverless::Function', Properties: {Nonsense: 1}}}"))
    shown = cfn.describe_change_set(StackName="sam", ChangeSetName="bad")
    assert shown["Status"] == "FAILED" and shown["StatusReason"] == (
        "Transform AWS::Serverless-2016-10-31 failed with: Invalid Serverless Application Specification document. Number of errors found: 1. "
        "Resource with id [Bad] is invalid. property Nonsense not defined for resource of type AWS::Serverless::Function")


def test_a_stack_in_review_goes_away_when_it_is_deleted(cloud):
    cfn = cloud.client("cloudformation")
    cfn.create_change_set(StackName="never", ChangeSetName="x", ChangeSetType="CREATE", TemplateBody=template({"R": role()}), Capabilities=["CAPABILITY_IAM"])
    cfn.delete_stack(StackName="never")
    assert refused(cfn.describe_stacks, StackName="never")[0] == "ValidationError"


def test_a_replacement_is_conditional_where_the_new_value_is_not_known_yet(cloud):
    cfn = cloud.client("cloudformation")
    names = {"N": queue(QueueName="n-one"), "T": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Fn::Sub": "${N.QueueName}-dead"}}}}
    cfn.create_stack(StackName="cond", TemplateBody=template(names))
    assert status(cfn, "cond") == "CREATE_COMPLETE"
    cfn.create_change_set(StackName="cond", ChangeSetName="x", TemplateBody=template(names).replace("n-one", "n-two"))
    found = changes(cfn, "cond", "x")
    assert {k: (v["Replacement"], v["PolicyAction"]) for k, v in found.items()} == {"N": ("True", "ReplaceAndDelete"), "T": ("Conditional", "ReplaceAndDelete")}
    [detail] = found["T"]["Details"]
    assert detail["Evaluation"] == "Dynamic" and detail["CausingEntity"] == "N.QueueName" and detail["Target"]["RequiresRecreation"] == "Conditionally"


def test_a_change_set_needs_no_leave_to_run_macros(cloud):
    cfn = cloud.client("cloudformation")
    body = "Transform: AWS::Serverless-2016-10-31\nResources: {T: {Type: 'AWS::Serverless::SimpleTable'}}"
    assert refused(cfn.create_stack, StackName="leave", TemplateBody=body)[0] == "InsufficientCapabilitiesException"
    cfn.create_change_set(StackName="leave", ChangeSetName="x", ChangeSetType="CREATE", TemplateBody=body)
    assert cfn.describe_change_set(StackName="leave", ChangeSetName="x")["Status"] == "CREATE_COMPLETE"
