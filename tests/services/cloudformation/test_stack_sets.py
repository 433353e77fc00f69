"""Stack sets: a template in accounts and regions, under roles of the accounts or of the organization."""
import json
import time

import pytest

from cloche.testing.cloche import Account

from .templates import BROKEN, queue, refused, resources, status, template

ADMIN, EXECUTION = "AWSCloudFormationStackSetAdministrationRole", "AWSCloudFormationStackSetExecutionRole"


def trust(**principal):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]})


def allow(action, resource="*"):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]})


def administers(cloud):
    iam = cloud.client("iam")
    iam.create_role(RoleName=ADMIN, AssumeRolePolicyDocument=trust(Service="cloudformation.amazonaws.com"))
    iam.put_role_policy(RoleName=ADMIN, PolicyName="p", PolicyDocument=allow("sts:AssumeRole", f"arn:aws:iam::*:role/{EXECUTION}"))


def executes(cloud, admin):
    iam = cloud.client("iam")
    iam.create_role(RoleName=EXECUTION, AssumeRolePolicyDocument=trust(AWS=f"arn:aws:iam::{admin.account}:role/{ADMIN}"))
    iam.put_role_policy(RoleName=EXECUTION, PolicyName="p", PolicyDocument=allow("*"))


def operation(cloud, cfn, id_, name="set", **more):
    for _ in range(200):
        found = cfn.describe_stack_set_operation(StackSetName=name, OperationId=id_, **more)["StackSetOperation"]
        if found["Status"] not in ("RUNNING", "QUEUED", "STOPPING"):
            return found
        time.sleep(0.01)
        cloud.advance(1)
    raise AssertionError("still going on")


def results(cfn, id_, name="set"):
    return {(x["Account"], x["Region"]): x for x in cfn.list_stack_set_operation_results(StackSetName=name, OperationId=id_)["Summaries"]}


@pytest.fixture
def pair(cloud):
    """An account that administers, and another in which it executes; both are targets."""
    other = cloud.other()
    administers(cloud)
    executes(cloud, cloud)
    executes(other, cloud)
    return cloud, other


def test_a_stack_set_makes_a_stack_in_every_account_and_region_and_takes_them_down(pair):
    cloud, other = pair
    cfn = cloud.client("cloudformation")
    made = cfn.create_stack_set(StackSetName="set", Description="queues", TemplateBody=template({"Q": queue()}, Parameters={"P": {"Type": "String", "Default": "1"}}), Tags=[{"Key": "a", "Value": "b"}])
    assert made["StackSetId"].startswith("set:")
    one = cfn.describe_stack_set(StackSetName="set")["StackSet"]
    assert one["Status"] == "ACTIVE" and one["PermissionModel"] == "SELF_MANAGED" and one["ExecutionRoleName"] == EXECUTION and one["AdministrationRoleARN"].endswith(ADMIN)
    assert one["Parameters"] == [{"ParameterKey": "P", "ParameterValue": "1"}] and one["StackSetARN"].endswith(f":stackset/{one['StackSetId']}")
    id_ = cfn.create_stack_instances(StackSetName="set", Accounts=[cloud.account, other.account], Regions=["us-east-1", "eu-west-1"], OperationPreferences={"MaxConcurrentCount": 2})["OperationId"]
    done = operation(cloud, cfn, id_)
    assert done["Status"] == "SUCCEEDED" and done["Action"] == "CREATE" and done["EndTimestamp"]
    assert {x["Status"] for x in results(cfn, id_).values()} == {"SUCCEEDED"} and len(results(cfn, id_)) == 4
    instances = cfn.list_stack_instances(StackSetName="set")["Summaries"]
    assert len(instances) == 4 and all(x["Status"] == "CURRENT" and x["StackInstanceStatus"]["DetailedStatus"] == "SUCCEEDED" for x in instances)
    one = cfn.describe_stack_instance(StackSetName="set", StackInstanceAccount=other.account, StackInstanceRegion="eu-west-1")["StackInstance"]
    assert one["StackId"].split("/")[1].startswith("StackSet-set-") and one["LastOperationId"] == id_
    there = other.client("cloudformation", region="eu-west-1").describe_stacks(StackName=one["StackId"])["Stacks"][0]
    assert there["StackStatus"] == "CREATE_COMPLETE" and there["Tags"] == [{"Key": "a", "Value": "b"}]
    assert len(cfn.list_stack_instances(StackSetName="set", StackInstanceAccount=other.account, Filters=[{"Name": "DETAILED_STATUS", "Values": "SUCCEEDED"}])["Summaries"]) == 2
    assert refused(cfn.delete_stack_set, StackSetName="set")[0] == "StackSetNotEmptyException"
    assert refused(cfn.describe_stack_instance, StackSetName="set", StackInstanceAccount=other.account, StackInstanceRegion="us-west-2")[0] == "StackInstanceNotFoundException"

    # one stays behind, the others go
    id_ = cfn.delete_stack_instances(StackSetName="set", Accounts=[other.account], Regions=["eu-west-1"], RetainStacks=True)["OperationId"]
    assert operation(cloud, cfn, id_)["RetainStacks"] is True
    assert status(other.client("cloudformation", region="eu-west-1"), one["StackId"]) == "CREATE_COMPLETE"
    id_ = cfn.delete_stack_instances(StackSetName="set", Accounts=[cloud.account, other.account], Regions=["us-east-1", "eu-west-1"], RetainStacks=False)["OperationId"]
    assert operation(cloud, cfn, id_)["Status"] == "SUCCEEDED" and not cfn.list_stack_instances(StackSetName="set")["Summaries"]
    assert not cloud.client("cloudformation").list_stacks(StackStatusFilter=["CREATE_COMPLETE"])["StackSummaries"]
    assert [x["Action"] for x in cfn.list_stack_set_operations(StackSetName="set")["Summaries"]].count("DELETE") == 2
    cfn.delete_stack_set(StackSetName="set")
    assert refused(cfn.describe_stack_set, StackSetName="set")[0] == "StackSetNotFoundException"
    assert [x["StackSetName"] for x in cfn.list_stack_sets(Status="DELETED")["Summaries"]] == ["set"]


def test_a_stack_set_is_known_in_its_region_only_and_its_name_once(pair):
    cloud, _ = pair
    cfn = cloud.client("cloudformation")
    body = template({"Q": queue()})
    cfn.create_stack_set(StackSetName="set", TemplateBody=body)
    assert refused(cfn.create_stack_set, StackSetName="set", TemplateBody=body)[0] == "NameAlreadyExistsException"
    assert refused(cloud.client("cloudformation", region="eu-west-1").describe_stack_set, StackSetName="set")[0] == "StackSetNotFoundException"
    assert refused(cfn.create_stack_set, StackSetName="un_der", TemplateBody=body)[0] == "ValidationError"
    assert refused(cfn.create_stack_set, StackSetName="needs", TemplateBody=template({"Q": queue()}, Parameters={"P": {"Type": "String"}}))[1] == "Parameters: [P] must have values"
    assert refused(cfn.create_stack_instances, StackSetName="set", Accounts=[], Regions=["us-east-1"])[0] == "ValidationError"
    assert refused(cfn.create_stack_instances, StackSetName="set", DeploymentTargets={"OrganizationalUnitIds": ["ou-abcd-abcdefgh"]}, Regions=["us-east-1"])[0] == "ValidationError"


def test_an_update_of_a_stack_set_reaches_its_instances_and_overrides_win(pair):
    cloud, other = pair
    cfn = cloud.client("cloudformation")

    def body(timeout):
        return template({"Q": queue(VisibilityTimeout={"Ref": "T"}, DelaySeconds=timeout)}, Parameters={"T": {"Type": "String"}})

    cfn.create_stack_set(StackSetName="set", TemplateBody=body(1), Parameters=[{"ParameterKey": "T", "ParameterValue": "10"}])
    accounts = [cloud.account, other.account]
    operation(cloud, cfn, cfn.create_stack_instances(StackSetName="set", Accounts=accounts, Regions=["us-east-1"])["OperationId"])
    id_ = cfn.update_stack_instances(StackSetName="set", Accounts=[other.account], Regions=["us-east-1"], ParameterOverrides=[{"ParameterKey": "T", "ParameterValue": "20"}])["OperationId"]
    assert operation(cloud, cfn, id_)["Status"] == "SUCCEEDED"

    def seen(where):
        stack = cfn.describe_stack_instance(StackSetName="set", StackInstanceAccount=where.account, StackInstanceRegion="us-east-1")["StackInstance"]["StackId"]
        url = resources(where.client("cloudformation"), stack)["Q"]["PhysicalResourceId"]
        found = where.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return found["VisibilityTimeout"], found["DelaySeconds"]

    assert seen(cloud) == ("10", "1") and seen(other) == ("20", "1")
    id_ = cfn.update_stack_set(StackSetName="set", TemplateBody=body(2), Parameters=[{"ParameterKey": "T", "UsePreviousValue": True}])["OperationId"]
    assert operation(cloud, cfn, id_)["Status"] == "SUCCEEDED" and seen(cloud) == ("10", "2") and seen(other) == ("20", "2")
    id_ = cfn.update_stack_set(StackSetName="set", UsePreviousTemplate=True, Parameters=[{"ParameterKey": "T", "ParameterValue": "30"}], Accounts=[cloud.account], Regions=["us-east-1"])["OperationId"]
    operation(cloud, cfn, id_)
    states = {x["Account"]: x["Status"] for x in cfn.list_stack_instances(StackSetName="set")["Summaries"]}
    assert states == {cloud.account: "CURRENT", other.account: "OUTDATED"} and seen(cloud) == ("30", "2")
    assert refused(cfn.update_stack_instances, StackSetName="set", Accounts=[cloud.account], Regions=["eu-west-1"])[0] == "StackInstanceNotFoundException"


def test_more_failures_in_a_region_than_tolerated_stop_it_and_cancel_the_regions_after_it(pair):
    cloud, other = pair
    cfn = cloud.client("cloudformation")
    cfn.create_stack_set(StackSetName="set", TemplateBody=template({"Q": BROKEN}))
    id_ = cfn.create_stack_instances(StackSetName="set", Accounts=[cloud.account, other.account], Regions=["us-east-1", "eu-west-1"],
                                     OperationPreferences={"RegionOrder": ["eu-west-1", "us-east-1"]})["OperationId"]
    assert operation(cloud, cfn, id_)["Status"] == "FAILED"
    found = results(cfn, id_)
    assert sorted(found[a, "eu-west-1"]["Status"] for a in (cloud.account, other.account)) == ["CANCELLED", "FAILED"]
    assert {found[a, "us-east-1"]["Status"] for a in (cloud.account, other.account)} == {"CANCELLED"}
    [failed] = [x for x in found.values() if x["Status"] == "FAILED"]
    assert "ResourceLogicalId:Q" in failed["StatusReason"]
    assert len(cfn.list_stack_set_operation_results(StackSetName="set", OperationId=id_, Filters=[{"Name": "OPERATION_RESULT_STATUS", "Values": "FAILED"}])["Summaries"]) == 1
    assert all(x["Status"] == "OUTDATED" for x in cfn.list_stack_instances(StackSetName="set")["Summaries"])
    # what could not be made was taken away again
    assert not cloud.client("cloudformation", region="eu-west-1").describe_stacks()["Stacks"]

    id_ = cfn.create_stack_instances(StackSetName="set", Accounts=[cloud.account, other.account], Regions=["us-east-1", "eu-west-1"], OperationPreferences={"FailureToleranceCount": 2})["OperationId"]
    assert operation(cloud, cfn, id_)["Status"] == "SUCCEEDED"  # within the tolerance
    assert {x["Status"] for x in results(cfn, id_).values()} == {"FAILED"}


def test_an_account_without_the_roles_fails_and_says_what_it_lacks(cloud):
    other, cfn = cloud.other(), cloud.client("cloudformation")
    cfn.create_stack_set(StackSetName="set", TemplateBody=template({"Q": queue()}))
    id_ = cfn.create_stack_instances(StackSetName="set", Accounts=[other.account], Regions=["us-east-1"])["OperationId"]
    assert operation(cloud, cfn, id_)["Status"] == "FAILED"
    assert results(cfn, id_)[other.account, "us-east-1"]["StatusReason"] == f"Account {cloud.account} should have '{ADMIN}' role with trust relationship to CloudFormation service."
    administers(cloud)
    id_ = cfn.create_stack_instances(StackSetName="set", Accounts=[other.account], Regions=["us-east-1"])["OperationId"]
    operation(cloud, cfn, id_)
    assert results(cfn, id_)[other.account, "us-east-1"]["StatusReason"] == f"Account {other.account} should have '{EXECUTION}' role with trust relationship to Role '{ADMIN}'."


def test_one_operation_at_a_time_that_can_be_stopped_or_queued(pair):
    cloud, _ = pair
    cfn = cloud.client("cloudformation")
    wait = {"H": {"Type": "AWS::CloudFormation::WaitConditionHandle"}, "W": {"Type": "AWS::CloudFormation::WaitCondition", "Properties": {"Handle": {"Ref": "H"}, "Timeout": "60"}}}
    cfn.create_stack_set(StackSetName="set", TemplateBody=template(wait))
    request = {"StackSetName": "set", "Accounts": [cloud.account], "Regions": ["us-east-1", "eu-west-1"]}
    id_ = cfn.create_stack_instances(**request, OperationId="mine")["OperationId"]
    assert id_ == "mine" and cfn.describe_stack_set_operation(StackSetName="set", OperationId=id_)["StackSetOperation"]["Status"] == "RUNNING"
    assert refused(cfn.create_stack_instances, **request)[0] == "OperationInProgressException"
    assert refused(cfn.create_stack_instances, **request, OperationId="mine")[0] == "OperationIdAlreadyExistsException"
    assert refused(cfn.describe_stack_set_operation, StackSetName="set", OperationId="other")[0] == "OperationNotFoundException"
    cfn.stop_stack_set_operation(StackSetName="set", OperationId=id_)
    assert operation(cloud, cfn, id_)["Status"] == "STOPPED"
    assert results(cfn, id_)[cloud.account, "eu-west-1"]["Status"] == "CANCELLED"
    assert refused(cfn.stop_stack_set_operation, StackSetName="set", OperationId=id_)[0] == "InvalidOperationException"
    cfn.create_stack_set(StackSetName="queued", TemplateBody=template(wait), ManagedExecution={"Active": True})
    request["StackSetName"] = "queued"
    first, second = cfn.create_stack_instances(**request)["OperationId"], cfn.create_stack_instances(**request)["OperationId"]
    assert cfn.describe_stack_set_operation(StackSetName="queued", OperationId=second)["StackSetOperation"]["Status"] == "QUEUED"
    assert operation(cloud, cfn, first, "queued")["Status"] == "FAILED" and operation(cloud, cfn, second, "queued")["Status"] == "FAILED"


def test_the_drift_of_a_stack_set_is_that_of_its_stacks(pair):
    cloud, other = pair
    cfn = cloud.client("cloudformation")
    cfn.create_stack_set(StackSetName="set", TemplateBody=template({"Q": queue(VisibilityTimeout=10)}))
    operation(cloud, cfn, cfn.create_stack_instances(StackSetName="set", Accounts=[cloud.account, other.account], Regions=["us-east-1"])["OperationId"])
    one = cfn.describe_stack_instance(StackSetName="set", StackInstanceAccount=other.account, StackInstanceRegion="us-east-1")["StackInstance"]
    url = resources(other.client("cloudformation"), one["StackId"])["Q"]["PhysicalResourceId"]
    other.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "11"})
    id_ = cfn.detect_stack_set_drift(StackSetName="set")["OperationId"]
    assert operation(cloud, cfn, id_)["StackSetDriftDetectionDetails"]["DriftedStackInstancesCount"] == 1
    details = cfn.describe_stack_set(StackSetName="set")["StackSet"]["StackSetDriftDetectionDetails"]
    assert (details["DriftStatus"], details["DriftDetectionStatus"], details["TotalStackInstancesCount"], details["InSyncStackInstancesCount"]) == ("DRIFTED", "COMPLETED", 2, 1)
    drifts = cfn.list_stack_instance_resource_drifts(StackSetName="set", StackInstanceAccount=other.account, StackInstanceRegion="us-east-1", OperationId=id_)["Summaries"]
    assert [(x["LogicalResourceId"], x["StackResourceDriftStatus"]) for x in drifts] == [("Q", "MODIFIED")]


def test_a_stack_that_is_there_already_is_imported(pair):
    cloud, other = pair
    cfn = cloud.client("cloudformation")
    body = template({"Q": queue()})
    stack = other.client("cloudformation").create_stack(StackName="old", TemplateBody=body)["StackId"]
    status(other.client("cloudformation"), "old")
    cfn.create_stack_set(StackSetName="set", TemplateBody=body)
    assert operation(cloud, cfn, cfn.import_stacks_to_stack_set(StackSetName="set", StackIds=[stack])["OperationId"])["Status"] == "SUCCEEDED"
    [one] = cfn.list_stack_instances(StackSetName="set")["Summaries"]
    assert one["StackId"] == stack and one["Status"] == "CURRENT"
    assert refused(cfn.import_stacks_to_stack_set, StackSetName="set", StackIds=[stack + "x"])[0] == "StackNotFoundException"


def test_an_organization_lends_its_permission_to_stack_sets_of_its_units(cloud):
    org, cfn = cloud.client("organizations"), cloud.client("cloudformation")
    body = template({"Q": queue()})
    assert cfn.describe_organizations_access()["Status"] == "DISABLED_PERMANENTLY"
    assert refused(cfn.activate_organizations_access)[0] == "InvalidOperationException"
    id_ = org.create_organization(FeatureSet="ALL")["Organization"]["Id"]
    unit = org.create_organizational_unit(ParentId=org.list_roots()["Roots"][0]["Id"], Name="unit")["OrganizationalUnit"]["Id"]
    assert refused(cfn.create_stack_set, StackSetName="set", TemplateBody=body, PermissionModel="SERVICE_MANAGED")[0] == "ValidationError"
    cfn.activate_organizations_access()
    assert cfn.describe_organizations_access()["Status"] == "ENABLED"

    def member(name):
        made = org.create_account(Email=f"{name}@{id_}.example.com", AccountName=name)["CreateAccountStatus"]["Id"]
        cloud.advance(1)
        number = org.describe_create_account_status(CreateAccountRequestId=made)["CreateAccountStatus"]["AccountId"]
        return Account(cloud.url, number, cloud._counter)

    def move(one):
        org.move_account(AccountId=one.account, SourceParentId=org.list_parents(ChildId=one.account)["Parents"][0]["Id"], DestinationParentId=unit)

    first, second = member("first"), member("second")
    move(first)
    cfn.create_stack_set(StackSetName="set", TemplateBody=body, PermissionModel="SERVICE_MANAGED", AutoDeployment={"Enabled": True, "RetainStacksOnAccountRemoval": False})
    assert refused(cfn.create_stack_instances, StackSetName="set", Accounts=[first.account], Regions=["us-east-1"])[0] == "ValidationError"
    id_ = cfn.create_stack_instances(StackSetName="set", DeploymentTargets={"OrganizationalUnitIds": [unit]}, Regions=["us-east-1"])["OperationId"]
    assert operation(cloud, cfn, id_)["Status"] == "SUCCEEDED"
    assert [(x["Account"], x["OrganizationalUnitId"]) for x in cfn.list_stack_instances(StackSetName="set")["Summaries"]] == [(first.account, unit)]
    assert len(first.client("cloudformation").describe_stacks()["Stacks"]) == 1
    assert cfn.describe_stack_set(StackSetName="set")["StackSet"]["OrganizationalUnitIds"] == [unit]
    assert cfn.list_stack_set_auto_deployment_targets(StackSetName="set")["Summaries"] == [{"OrganizationalUnitId": unit, "Regions": ["us-east-1"]}]

    # who comes into the unit gets its stack, who leaves it loses it
    move(second)
    cloud.advance(1)
    assert {x["Account"] for x in cfn.list_stack_instances(StackSetName="set")["Summaries"]} == {first.account, second.account}
    assert len(second.client("cloudformation").describe_stacks()["Stacks"]) == 1
    org.move_account(AccountId=first.account, SourceParentId=unit, DestinationParentId=org.list_roots()["Roots"][0]["Id"])
    cloud.advance(1)
    assert {x["Account"] for x in cfn.list_stack_instances(StackSetName="set")["Summaries"]} == {second.account}
    assert not first.client("cloudformation").describe_stacks()["Stacks"]

    org.enable_aws_service_access(ServicePrincipal="member.org.stacksets.cloudformation.amazonaws.com")
    org.register_delegated_administrator(AccountId=second.account, ServicePrincipal="member.org.stacksets.cloudformation.amazonaws.com")
    theirs = second.client("cloudformation")
    assert [x["StackSetName"] for x in theirs.list_stack_sets(CallAs="DELEGATED_ADMIN")["Summaries"]] == ["set"]
    assert not theirs.list_stack_sets()["Summaries"]
    assert refused(first.client("cloudformation").list_stack_sets, CallAs="DELEGATED_ADMIN")[0] == "ValidationError"
    org.deregister_delegated_administrator(AccountId=second.account, ServicePrincipal="member.org.stacksets.cloudformation.amazonaws.com")
    cfn.deactivate_organizations_access()
    assert cfn.describe_organizations_access()["Status"] == "DISABLED"
