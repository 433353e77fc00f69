"""Policies that are really applied: in the member accounts, to what is there and to what comes later."""
import json
import re

from cloche.testing.people import allow, document, refused, trusting

from ..apigateway.conftest import Api
from ..wafv2.conftest import Waf, contains, rule

STAGE, INSTANCE, GROUP, INTERFACE, EIP = "AWS::ApiGateway::Stage", "AWS::EC2::Instance", "AWS::EC2::SecurityGroup", "AWS::EC2::NetworkInterface", "AWS::EC2::EIP"


def own_group(cloud):
    made = Waf(cloud).group(rule("bad", contains("attack")))
    return {"ruleGroupType": "RuleGroup", "ruleGroupArn": made["ARN"], "overrideAction": {"type": "NONE"}}


def api_of(account):
    api = Api(account)
    api.mock("/", template="mine")
    api.deploy()
    return api, f"arn:aws:apigateway:us-east-1::/restapis/{api.id}/stages/dev"


def test_a_web_acl_policy_is_made_and_associated_in_the_members(bench):
    """The policy's rule groups are the administrator's; stages that come later are found on the clock."""
    member = bench.member
    api, arn = api_of(member)
    data = {"preProcessRuleGroups": [own_group(bench.cloud)], "postProcessRuleGroups": [], "defaultAction": {"type": "ALLOW"}, "overrideCustomerWebACLAssociation": False}
    policy = bench.policy("WAFV2", data, STAGE, name="edge")
    waf = member.client("wafv2")
    acl = waf.get_web_acl_for_resource(ResourceArn=arn)["WebACL"]
    assert re.fullmatch(r"FMManagedWebACLV2-edge-\d{13}", acl["Name"]) and acl["ManagedByFirewallManager"] is True
    assert acl["PreProcessFirewallManagerRuleGroups"][0]["FirewallManagerStatement"]["RuleGroupReferenceStatement"]["ARN"] == data["preProcessRuleGroups"][0]["ruleGroupArn"]
    assert (api.call("/?q=attack").status, api.call("/?q=x").body) == (403, b"mine")
    assert bench.violators(policy) == []
    status = bench.api.list_compliance_status(PolicyId=policy)["PolicyComplianceStatusList"]
    assert [(s["MemberAccount"], s["EvaluationResults"][0]["ComplianceStatus"]) for s in status] == [(member.account, "COMPLIANT")]
    later, second = api_of(member)
    bench.cloud.advance(61)
    assert later.call("/?q=attack").status == 403
    full = waf.get_web_acl(Name=acl["Name"], Scope="REGIONAL", Id=acl["Id"])
    refused("WAFInvalidOperationException", waf.delete_web_acl, Name=acl["Name"], Scope="REGIONAL", Id=acl["Id"], LockToken=full["LockToken"])
    one = bench.api.get_policy(PolicyId=policy)["Policy"]
    one["SecurityServicePolicyData"]["ManagedServiceData"] = json.dumps({"type": "WAFV2", **data, "defaultAction": {"type": "BLOCK"}})
    bench.api.put_policy(Policy=one)
    refused("InvalidInputException", bench.api.put_policy, Policy=one)                # the token is an old one now
    bench.cloud.advance(1)
    assert later.call("/?q=x").status == 403
    bench.api.delete_policy(PolicyId=policy, DeleteAllPolicyResources=True)
    assert "WebACL" not in waf.get_web_acl_for_resource(ResourceArn=second) and waf.list_web_acls(Scope="REGIONAL")["WebACLs"] == []
    assert api.call("/?q=attack").body == b"mine"
    refused("ResourceNotFoundException", bench.api.get_policy, PolicyId=policy)


def test_without_remediation_a_policy_only_tells(bench):
    """A customer's own ACL stays, unless the policy overrides it."""
    member, cloud = bench.member, bench.cloud
    _, arn = api_of(member)
    topic = cloud.client("sns").create_topic(Name="fms")["TopicArn"]
    queue = cloud.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    queue_arn = f"arn:aws:sqs:us-east-1:{cloud.account}:q"
    cloud.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"Policy": document(allow("sqs:SendMessage", queue_arn, Principal={"Service": "sns.amazonaws.com"}))})
    cloud.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
    role = cloud.client("iam").create_role(RoleName="tell", AssumeRolePolicyDocument=trusting({"Service": "fms.amazonaws.com"}))["Role"]["Arn"]
    cloud.client("iam").put_role_policy(RoleName="tell", PolicyName="p", PolicyDocument=document(allow("sns:Publish")))
    bench.api.put_notification_channel(SnsTopicArn=topic, SnsRoleName=role)
    assert bench.api.get_notification_channel()["SnsTopicArn"] == topic
    policy = bench.policy("WAFV2", {"preProcessRuleGroups": [], "defaultAction": {"type": "ALLOW"}}, STAGE, remedy=False)
    assert bench.violators(policy) == [(arn, "RESOURCE_MISSING_WEB_ACL")]
    assert member.client("wafv2").list_web_acls(Scope="REGIONAL")["WebACLs"] == []
    cloud.advance(1)
    told = json.loads(json.loads(cloud.client("sqs").receive_message(QueueUrl=queue)["Messages"][0]["Body"])["Message"])
    assert (told["MemberAccount"], told["Violators"][0]["ResourceId"]) == (member.account, arn)
    assert bench.api.get_violation_details(PolicyId=policy, MemberAccount=member.account, ResourceId=arn, ResourceType=STAGE)["ViolationDetail"]["ResourceId"] == arn
    own = Waf(member).acl()
    member.client("wafv2").associate_web_acl(WebACLArn=own["ARN"], ResourceArn=arn)
    cloud.advance(61)
    assert bench.violators(policy) == [(arn, "RESOURCE_INCORRECT_WEB_ACL")]
    strict = bench.policy("WAFV2", {"preProcessRuleGroups": [], "defaultAction": {"type": "ALLOW"}, "overrideCustomerWebACLAssociation": True}, STAGE, name="strict")
    assert member.client("wafv2").get_web_acl_for_resource(ResourceArn=arn)["WebACL"]["Name"].startswith("FMManagedWebACLV2-strict-")
    bench.api.delete_policy(PolicyId=strict)
    assert member.client("wafv2").get_web_acl_for_resource(ResourceArn=arn)["WebACL"]["ManagedByFirewallManager"] is False
    bench.api.delete_notification_channel()
    assert "SnsTopicArn" not in bench.api.get_notification_channel()


def test_a_policy_is_about_the_accounts_and_tags_it_names(bench):
    other = bench.org.member("o")
    unit = bench.org.unit("u")
    bench.org.api.move_account(AccountId=other.account, SourceParentId=bench.org.root, DestinationParentId=unit)
    _, arn = api_of(other)
    data = {"preProcessRuleGroups": [], "defaultAction": {"type": "ALLOW"}}
    accounts = lambda id_: [s["MemberAccount"] for s in bench.api.list_compliance_status(PolicyId=id_)["PolicyComplianceStatusList"]]
    by_unit = bench.policy("WAFV2", data, STAGE, remedy=False, name="unit", IncludeMap={"ORG_UNIT": [unit]})
    assert accounts(by_unit) == [other.account]
    without = bench.policy("WAFV2", data, STAGE, remedy=False, name="without", IncludeMap={}, ExcludeMap={"ORG_UNIT": [unit]})
    assert accounts(without) == sorted([bench.cloud.account, bench.member.account])
    tagged = bench.policy("WAFV2", data, STAGE, remedy=False, name="tagged", IncludeMap={"ACCOUNT": [other.account]}, ResourceTags=[{"Key": "waf", "Value": "yes"}])
    assert bench.violators(tagged, other.account) == []
    other.client("apigateway").tag_resource(resourceArn=arn, tags={"waf": "yes"})
    bench.cloud.advance(61)
    assert bench.violators(tagged, other.account) == [(arn, "RESOURCE_MISSING_WEB_ACL")]
    assert [p["PolicyName"] for p in bench.api.list_policies()["PolicyList"]] == ["unit", "without", "tagged"]


def test_security_groups_are_replicated_and_attached(bench):
    admin, member = bench.cloud.client("ec2"), bench.member.client("ec2")
    primary = admin.create_security_group(GroupName="base", Description="d")["GroupId"]
    rules = [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]
    admin.authorize_security_group_ingress(GroupId=primary, IpPermissions=rules)
    subnet = member.describe_subnets()["Subnets"][0]
    card = member.create_network_interface(SubnetId=subnet["SubnetId"])["NetworkInterface"]
    groups = lambda: [g["GroupId"] for g in member.describe_network_interfaces(NetworkInterfaceIds=[card["NetworkInterfaceId"]])["NetworkInterfaces"][0]["Groups"]]
    before = groups()
    data = {"securityGroups": [{"id": primary}], "revertManualSecurityGroupChanges": True, "exclusiveResourceSecurityGroupManagement": False}
    refused("InvalidInputException", bench.policy, "SECURITY_GROUPS_COMMON", {"securityGroups": [{"id": "sg-00000000000000000"}]}, INTERFACE)
    policy = bench.policy("SECURITY_GROUPS_COMMON", data, INTERFACE)
    replica = next(g for g in groups() if g not in before)
    shown = lambda: member.describe_security_groups(GroupIds=[replica])["SecurityGroups"][0]
    assert shown()["GroupName"].startswith(f"FMManagedSecurityGroup{policy}-{primary}-") and shown()["IpPermissions"][0]["IpRanges"] == [{"CidrIp": "10.0.0.0/8"}]
    assert set(before) < set(groups()) and bench.violators(policy) == []
    member.revoke_security_group_ingress(GroupId=replica, IpPermissions=rules)
    bench.cloud.advance(61)
    assert shown()["IpPermissions"][0]["FromPort"] == 443                            # put back
    bench.api.delete_policy(PolicyId=policy, DeleteAllPolicyResources=True)
    assert groups() == before
    refused("InvalidGroup.NotFound", shown)


def test_audits_find_rules_and_groups_that_should_not_be(bench):
    admin, member = bench.cloud.client("ec2"), bench.member.client("ec2")
    member.describe_subnets()
    audit = admin.create_security_group(GroupName="audit", Description="d")["GroupId"]
    rule_ = lambda port, cidr: [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": cidr}]}]
    admin.authorize_security_group_ingress(GroupId=audit, IpPermissions=rule_(22, "0.0.0.0/0"))
    admin.revoke_security_group_egress(GroupId=audit, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    bad = member.create_security_group(GroupName="bad", Description="d")["GroupId"]
    member.authorize_security_group_ingress(GroupId=bad, IpPermissions=rule_(22, "203.0.113.0/24") + rule_(443, "0.0.0.0/0"))
    data = {"securityGroups": [{"id": audit}], "securityGroupAction": {"type": "DENY"}}
    tells = bench.policy("SECURITY_GROUPS_CONTENT_AUDIT", data, GROUP, remedy=False, name="tells")
    # the groups' usual egress is to everywhere, by every protocol: it touches nothing of the audit group's, which lets nothing out
    assert (bad, "RESOURCE_VIOLATES_AUDIT_SECURITY_GROUP") in bench.violators(tells)
    told = bench.api.get_violation_details(PolicyId=tells, MemberAccount=bench.member.account, ResourceId=bad, ResourceType=GROUP)["ViolationDetail"]["ResourceViolations"]
    assert told[0]["AwsVPCSecurityGroupViolation"]["ViolationTarget"] == bad
    bench.api.delete_policy(PolicyId=tells)
    bench.policy("SECURITY_GROUPS_CONTENT_AUDIT", data, GROUP, name="mends")
    assert [p["FromPort"] for p in member.describe_security_groups(GroupIds=[bad])["SecurityGroups"][0]["IpPermissions"]] == [443]
    usage = bench.policy("SECURITY_GROUPS_USAGE_AUDIT", {"deleteUnusedSecurityGroups": True}, GROUP, remedy=False, name="usage")
    assert bench.violators(usage) == [(bad, "SECURITY_GROUP_UNUSED")]
    bench.policy("SECURITY_GROUPS_USAGE_AUDIT", {"deleteUnusedSecurityGroups": True}, GROUP, name="sweeps")
    refused("InvalidGroup.NotFound", member.describe_security_groups, GroupIds=[bad])


def test_shield_protects_what_is_there(bench):
    member = bench.member
    id_ = member.client("ec2").allocate_address()["AllocationId"]
    arn = f"arn:aws:ec2:us-east-1:{member.account}:eip-allocation/{id_}"
    tells = bench.policy("SHIELD_ADVANCED", {}, EIP, remedy=False, name="tells")
    assert bench.violators(tells) == [(arn, "RESOURCE_MISSING_SHIELD_PROTECTION")]
    policy = bench.policy("SHIELD_ADVANCED", {}, EIP, name="mends")
    assert [p["ResourceArn"] for p in member.client("shield").list_protections()["Protections"]] == [arn] and bench.violators(policy) == []
    bench.api.delete_policy(PolicyId=policy, DeleteAllPolicyResources=True)
    assert member.client("shield").list_protections()["Protections"] == []


def test_distributions_get_their_web_acl_and_protection(bench):
    from tests.services.cloudfront.edge import custom, made
    member, kind = bench.member, "AWS::CloudFront::Distribution"
    one = made(member, custom(80))
    waf = bench.policy("WAFV2", {"preProcessRuleGroups": [], "defaultAction": {"type": "BLOCK"}}, kind, name="waf")
    config = lambda: member.client("cloudfront").get_distribution(Id=one["Id"])["Distribution"]["DistributionConfig"]
    assert ":global/webacl/FMManagedWebACLV2-waf-" in config()["WebACLId"] and bench.violators(waf) == []
    shield = bench.policy("SHIELD_ADVANCED", {}, kind, name="shield")
    assert [p["ResourceArn"] for p in member.client("shield").list_protections()["Protections"]] == [one["ARN"]]
    for policy in (waf, shield):
        bench.api.delete_policy(PolicyId=policy, DeleteAllPolicyResources=True)
    assert config()["WebACLId"] == "" and member.client("wafv2").list_web_acls(Scope="CLOUDFRONT")["WebACLs"] == []
    refused("InvalidInputException", bench.policy, "SHIELD_ADVANCED", {}, "ResourceTypeList", ResourceTypeList=[kind, EIP], name="both")


def test_a_policy_that_makes_no_sense_is_refused(bench):
    data = {"preProcessRuleGroups": [], "defaultAction": {"type": "ALLOW"}}
    refused("InvalidInputException", bench.policy, "WAFV2", data, INSTANCE)
    refused("InvalidInputException", bench.policy, "WAFV2", {"defaultAction": {"type": "X"}}, STAGE)
    refused("InvalidInputException", bench.policy, "SECURITY_GROUPS_USAGE_AUDIT", {}, GROUP)
    refused("NotImplemented", bench.policy, "DNS_FIREWALL", {}, "AWS::EC2::VPC")
    refused("ResourceNotFoundException", bench.api.delete_policy, PolicyId="0" * 36)
    bench.policy("WAFV2", data, STAGE)
    refused("InvalidInputException", bench.policy, "WAFV2", data, STAGE)
    bench.api.disassociate_admin_account()
