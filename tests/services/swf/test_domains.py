"""Domains and types of SWF."""
from cloche.testing.people import refused

KIND = {"name": "w", "version": "1"}


def test_a_domain_is_registered_once_deprecated_and_registered_again(cloud):
    swf = cloud.client("swf")
    swf.register_domain(name="d", description="of mine", workflowExecutionRetentionPeriodInDays="90", tags=[{"key": "team", "value": "x"}])
    assert refused("DomainAlreadyExistsFault", swf.register_domain, name="d", workflowExecutionRetentionPeriodInDays="NONE") == "d"
    told = swf.describe_domain(name="d")
    arn = f"arn:aws:swf:us-east-1:{cloud.account}:/domain/d"
    assert told["domainInfo"] == {"name": "d", "status": "REGISTERED", "description": "of mine", "arn": arn}
    assert told["configuration"] == {"workflowExecutionRetentionPeriodInDays": "90"}
    swf.deprecate_domain(name="d")
    assert swf.describe_domain(name="d")["domainInfo"]["status"] == "DEPRECATED"
    refused("DomainDeprecatedFault", swf.deprecate_domain, name="d")
    refused("DomainAlreadyExistsFault", swf.register_domain, name="d", workflowExecutionRetentionPeriodInDays="1")
    refused("UnknownResourceFault", swf.register_workflow_type, domain="d", **KIND)
    swf.undeprecate_domain(name="d")
    refused("DomainAlreadyExistsFault", swf.undeprecate_domain, name="d")
    assert refused("UnknownResourceFault", swf.describe_domain, name="nowhere") == "Unknown domain: nowhere"


def test_what_is_no_domain_is_refused(cloud):
    swf = cloud.client("swf")
    for name, days in (("a:b", "1"), ("a/b", "1"), ("a|b", "1"), (" a", "1"), ("arn", "1"), ("a", "91"), ("a", "-1"), ("a", "many")):
        refused("ValidationException", swf.register_domain, name=name, workflowExecutionRetentionPeriodInDays=days)


def test_domains_are_listed_by_state_in_order_and_in_pages(cloud):
    swf = cloud.client("swf")
    for name in "cab":
        swf.register_domain(name=name, workflowExecutionRetentionPeriodInDays="0")
    swf.register_domain(name="old", workflowExecutionRetentionPeriodInDays="0")
    swf.deprecate_domain(name="old")
    names = lambda **more: [one["name"] for one in swf.list_domains(**more)["domainInfos"]]
    assert names(registrationStatus="REGISTERED") == ["a", "b", "c"] and names(registrationStatus="REGISTERED", reverseOrder=True) == ["c", "b", "a"]
    assert names(registrationStatus="DEPRECATED") == ["old"]
    first = swf.list_domains(registrationStatus="REGISTERED", maximumPageSize=2)
    assert [one["name"] for one in first["domainInfos"]] == ["a", "b"] and names(registrationStatus="REGISTERED", nextPageToken=first["nextPageToken"]) == ["c"]
    refused("ValidationException", swf.list_domains, registrationStatus="REGISTERED", nextPageToken="no")


def test_a_domain_has_tags(cloud):
    swf = cloud.client("swf")
    swf.register_domain(name="d", workflowExecutionRetentionPeriodInDays="1", tags=[{"key": "a", "value": "1"}])
    arn = swf.describe_domain(name="d")["domainInfo"]["arn"]
    swf.tag_resource(resourceArn=arn, tags=[{"key": "b", "value": "2"}])
    swf.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert swf.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "b", "value": "2"}]
    refused("TooManyTagsFault", swf.tag_resource, resourceArn=arn, tags=[{"key": str(n), "value": ""} for n in range(50)])
    refused("UnknownResourceFault", swf.list_tags_for_resource, resourceArn=arn + "x")


def test_a_type_has_a_version_and_defaults_and_is_deleted_only_when_deprecated(cloud):
    swf = cloud.client("swf")
    swf.register_domain(name="d", workflowExecutionRetentionPeriodInDays="1")
    swf.register_workflow_type(domain="d", **KIND, description="w", defaultTaskList={"name": "l"}, defaultChildPolicy="ABANDON", defaultTaskStartToCloseTimeout="NONE")
    assert refused("TypeAlreadyExistsFault", swf.register_workflow_type, domain="d", **KIND) == "WorkflowType=[name=w, version=1]"
    swf.register_workflow_type(domain="d", name="w", version="2")
    told = swf.describe_workflow_type(domain="d", workflowType=KIND)
    assert told["configuration"] == {"defaultTaskList": {"name": "l"}, "defaultChildPolicy": "ABANDON", "defaultTaskStartToCloseTimeout": "NONE"}
    assert told["typeInfo"]["workflowType"] == KIND and told["typeInfo"]["status"] == "REGISTERED" and told["typeInfo"]["description"] == "w"
    assert [one["workflowType"]["version"] for one in swf.list_workflow_types(domain="d", registrationStatus="REGISTERED", name="w", reverseOrder=True)["typeInfos"]] == ["2", "1"]
    refused("TypeNotDeprecatedFault", swf.delete_workflow_type, domain="d", workflowType=KIND)
    swf.deprecate_workflow_type(domain="d", workflowType=KIND)
    refused("TypeDeprecatedFault", swf.deprecate_workflow_type, domain="d", workflowType=KIND)
    assert "deprecationDate" in swf.list_workflow_types(domain="d", registrationStatus="DEPRECATED")["typeInfos"][0]
    refused("TypeDeprecatedFault", swf.start_workflow_execution, domain="d", workflowId="x", workflowType=KIND)
    swf.undeprecate_workflow_type(domain="d", workflowType=KIND)
    refused("TypeAlreadyExistsFault", swf.undeprecate_workflow_type, domain="d", workflowType=KIND)
    swf.deprecate_workflow_type(domain="d", workflowType=KIND)
    swf.delete_workflow_type(domain="d", workflowType=KIND)
    assert refused("UnknownResourceFault", swf.describe_workflow_type, domain="d", workflowType=KIND) == "Unknown type: WorkflowType=[name=w, version=1]"
    refused("ValidationException", swf.register_workflow_type, domain="d", name="w", version="9", defaultExecutionStartToCloseTimeout="NONE")


def test_types_of_activities_live_as_those_of_workflows_do(cloud):
    swf = cloud.client("swf")
    swf.register_domain(name="d", workflowExecutionRetentionPeriodInDays="1")
    swf.register_activity_type(domain="d", **KIND, defaultTaskHeartbeatTimeout="NONE", defaultTaskPriority="5")
    refused("TypeAlreadyExistsFault", swf.register_activity_type, domain="d", **KIND)
    assert swf.describe_activity_type(domain="d", activityType=KIND)["configuration"] == {"defaultTaskHeartbeatTimeout": "NONE", "defaultTaskPriority": "5"}
    assert swf.list_activity_types(domain="d", registrationStatus="REGISTERED")["typeInfos"][0]["activityType"] == KIND
    assert swf.list_workflow_types(domain="d", registrationStatus="REGISTERED")["typeInfos"] == []
    refused("TypeNotDeprecatedFault", swf.delete_activity_type, domain="d", activityType=KIND)
    swf.deprecate_activity_type(domain="d", activityType=KIND)
    swf.undeprecate_activity_type(domain="d", activityType=KIND)
    swf.deprecate_activity_type(domain="d", activityType=KIND)
    swf.delete_activity_type(domain="d", activityType=KIND)
    assert refused("UnknownResourceFault", swf.describe_activity_type, domain="d", activityType=KIND) == "Unknown type: ActivityType=[name=w, version=1]"
