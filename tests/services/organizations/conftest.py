"""An organization with all features, and quick ways to make members of it."""
from __future__ import annotations

import time

import pytest

from cloche.testing.cloche import Account


class Org:
    """The management account's view; `member("name")` is an account in it, entered as its root."""

    def __init__(self, cloud, features="ALL"):
        self.cloud, self.api = cloud, cloud.client("organizations")
        self.id = self.api.create_organization(FeatureSet=features)["Organization"]["Id"]
        self.root = self.api.list_roots()["Roots"][0]["Id"]

    def enable(self, kind="SERVICE_CONTROL_POLICY"):
        return self.api.enable_policy_type(RootId=self.root, PolicyType=kind)

    def create(self, name, **more):
        """The finished creation of an account."""
        made = self.api.create_account(Email=more.pop("Email", f"{name}@{self.id}.example.com"), AccountName=name, **more)["CreateAccountStatus"]
        for _ in range(100):
            found = self.api.describe_create_account_status(CreateAccountRequestId=made["Id"])["CreateAccountStatus"]
            if found["State"] != "IN_PROGRESS":
                return found
            time.sleep(0.01)
        raise AssertionError("still in progress")

    def member(self, name, **more):
        return Account(self.cloud.url, self.create(name, **more)["AccountId"], self.cloud._counter)

    def unit(self, name, parent=None):
        return self.api.create_organizational_unit(ParentId=parent or self.root, Name=name)["OrganizationalUnit"]["Id"]

    def policy(self, content, name="policy", kind="SERVICE_CONTROL_POLICY", target=None):
        id_ = self.api.create_policy(Name=name, Description="", Type=kind, Content=content)["Policy"]["PolicySummary"]["Id"]
        if target:
            self.api.attach_policy(PolicyId=id_, TargetId=target)
        return id_


@pytest.fixture
def org(cloud):
    return Org(cloud)
