"""WAF made by CloudFormation: sets, a group, an ACL, and where it stands."""
import copy
import json

from tests.services.apigateway.conftest import Api

from .conftest import NONE, SEEN


def settle(cloud, wanted):
    cfn = cloud.client("cloudformation")
    for _ in range(40):
        found = cfn.describe_stacks(StackName="waf")["Stacks"][0]
        if not found["StackStatus"].endswith("_IN_PROGRESS"):
            break
        cloud.advance(2)
    events = cfn.describe_stack_events(StackName="waf")["StackEvents"]
    assert found["StackStatus"] == wanted, [(one["LogicalResourceId"], one.get("ResourceStatusReason")) for one in events if "FAILED" in one["ResourceStatus"]]
    return {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", ())}


def template(stage):
    def rule(name, priority, statement, **action):
        return {"Name": name, "Priority": priority, "Statement": statement, "VisibilityConfig": SEEN, **(action or {"Action": {"Block": {}}})}
    query = {"FieldToMatch": {"QueryString": {}}, "TextTransformations": NONE}
    return {"Resources": {
        "Ips": {"Type": "AWS::WAFv2::IPSet", "Properties": {"Scope": "REGIONAL", "IPAddressVersion": "IPV4", "Addresses": ["10.0.0.0/8"]}},
        "Patterns": {"Type": "AWS::WAFv2::RegexPatternSet", "Properties": {"Scope": "REGIONAL", "RegularExpressionList": ["^evil"]}},
        "Group": {"Type": "AWS::WAFv2::RuleGroup", "Properties": {"Scope": "REGIONAL", "Capacity": 50, "VisibilityConfig": SEEN, "Rules": [
            rule("pattern", 0, {"RegexPatternSetReferenceStatement": {"Arn": {"Fn::GetAtt": ["Patterns", "Arn"]}, **query}}), rule("ip", 1, {"IPSetReferenceStatement": {"Arn": {"Fn::GetAtt": ["Ips", "Arn"]}}})]}},
        "Acl": {"Type": "AWS::WAFv2::WebACL", "Properties": {"Name": "front", "Scope": "REGIONAL", "DefaultAction": {"Allow": {}}, "VisibilityConfig": SEEN, "Tags": [{"Key": "a", "Value": "b"}], "Rules": [
            rule("group", 0, {"RuleGroupReferenceStatement": {"Arn": {"Fn::GetAtt": ["Group", "Arn"]}}}, OverrideAction={"None": {}}),
            rule("word", 1, {"ByteMatchStatement": {"SearchString": "bad", "PositionalConstraint": "CONTAINS", **query}}),
            rule("word64", 2, {"NotStatement": {"Statement": {"NotStatement": {"Statement": {"ByteMatchStatement": {"SearchStringBase64": "d29yc2U=", "PositionalConstraint": "CONTAINS", **query}}}}}})]}},
        "Stands": {"Type": "AWS::WAFv2::WebACLAssociation", "Properties": {"ResourceArn": stage, "WebACLArn": {"Fn::GetAtt": ["Acl", "Arn"]}}}},
        "Outputs": {"Ref": {"Value": {"Ref": "Acl"}}, "Capacity": {"Value": {"Fn::GetAtt": ["Acl", "Capacity"]}}, "Labels": {"Value": {"Fn::GetAtt": ["Acl", "LabelNamespace"]}}}}


def test_a_stack_makes_changes_and_deletes_a_web_acl(cloud):
    api, cfn, client = Api(cloud), cloud.client("cloudformation"), cloud.client("wafv2")
    api.mock("/", template="mine")
    api.deploy()
    whole = template(f"arn:aws:apigateway:us-east-1::/restapis/{api.id}/stages/dev")
    cfn.create_stack(StackName="waf", TemplateBody=json.dumps(whole))
    out = settle(cloud, "CREATE_COMPLETE")
    name, id_, scope = out["Ref"].split("|")
    assert (name, scope, out["Capacity"], out["Labels"]) == ("front", "REGIONAL", "70", f"awswaf:{cloud.account}:webacl:front:")
    assert [api.call(path).status for path in ("/?evil", "/?not-evil", "/?bad", "/?worse")] == [403, 200, 403, 403]
    changed = copy.deepcopy(whole)
    del changed["Resources"]["Acl"]["Properties"]["Rules"][1]
    changed["Resources"]["Acl"]["Properties"]["Tags"] = [{"Key": "c", "Value": "d"}]
    changed["Resources"]["Patterns"]["Properties"]["RegularExpressionList"] = ["evil$"]
    cfn.update_stack(StackName="waf", TemplateBody=json.dumps(changed))
    assert settle(cloud, "UPDATE_COMPLETE")["Ref"] == out["Ref"]
    assert [api.call(path).status for path in ("/?evils", "/?not-evil", "/?bad", "/?worse")] == [200, 403, 200, 403]
    arn = client.get_web_acl(Name=name, Id=id_, Scope=scope)["WebACL"]["ARN"]
    tags = {one["Key"]: one["Value"] for one in client.list_tags_for_resource(ResourceARN=arn)["TagInfoForResource"]["TagList"]}
    assert tags["c"] == "d" and "a" not in tags and tags["aws:cloudformation:stack-name"] == "waf"
    cfn.delete_stack(StackName="waf")
    for _ in range(20):
        if not client.list_web_acls(Scope="REGIONAL")["WebACLs"] and not client.list_ip_sets(Scope="REGIONAL")["IPSets"]:
            break
        cloud.advance(2)
    assert client.list_web_acls(Scope="REGIONAL")["WebACLs"] == client.list_ip_sets(Scope="REGIONAL")["IPSets"] == [] and api.call("/?worse").status == 200
