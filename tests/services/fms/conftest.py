"""An organization whose management account administers Firewall Manager, and a member."""
import pytest

from ..organizations.conftest import Org


class Bench:
    def __init__(self, cloud):
        self.cloud, self.org = cloud, Org(cloud)
        self.api = cloud.client("fms")
        self.api.associate_admin_account(AdminAccount=cloud.account)
        self.member = self.org.member("m")

    def policy(self, kind, data, resource, remedy=True, **more):
        import json
        made = self.api.put_policy(Policy={
            "PolicyName": more.pop("name", "p"), "SecurityServicePolicyData": {"Type": kind, "ManagedServiceData": json.dumps({"type": kind, **data})}, "ResourceType": resource,
            "ExcludeResourceTags": False, "RemediationEnabled": remedy, "IncludeMap": {"ACCOUNT": [self.member.account]}, **more})["Policy"]
        self.cloud.advance(1)
        return made["PolicyId"]

    def violators(self, policy, account=None):
        found = self.api.get_compliance_detail(PolicyId=policy, MemberAccount=account or self.member.account)["PolicyComplianceDetail"]
        assert not found["IssueInfoMap"], found
        return [(v["ResourceId"], v["ViolationReason"]) for v in found["Violators"]]


@pytest.fixture
def bench(cloud):
    return Bench(cloud)
