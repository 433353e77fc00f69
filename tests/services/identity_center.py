"""An organization with Identity Center in it: the management account, a member, a user and a group."""
import pytest

from cloche.testing.cloche import Account


class Center:
    def __init__(self, cloud):
        self.cloud = cloud
        self.org = cloud.client("organizations")
        self.org.create_organization(FeatureSet="ALL")
        self.member = self.account("member")
        self.sso, self.store = cloud.client("sso-admin"), cloud.client("identitystore")
        [self.instance] = self.sso.list_instances()["Instances"]
        self.arn, self.store_id = self.instance["InstanceArn"], self.instance["IdentityStoreId"]
        self.user = self.store.create_user(IdentityStoreId=self.store_id, UserName="ada", DisplayName="Ada", Name={"GivenName": "Ada", "FamilyName": "L"},
                                           Emails=[{"Value": "ada@example.com", "Primary": True}])["UserId"]
        self.group = self.store.create_group(IdentityStoreId=self.store_id, DisplayName="builders")["GroupId"]

    def account(self, name):
        status = self.org.create_account(Email=f"{name}-{self.cloud.account}@example.com", AccountName=name)["CreateAccountStatus"]
        self.cloud.advance(1)
        return self.org.describe_create_account_status(CreateAccountRequestId=status["Id"])["CreateAccountStatus"]["AccountId"]

    def set(self, name="Builder", **more):
        return self.sso.create_permission_set(InstanceArn=self.arn, Name=name, **more)["PermissionSet"]["PermissionSetArn"]

    def assign(self, set_, kind="USER", who=None, account=None, undo=False):
        asked = {"InstanceArn": self.arn, "PermissionSetArn": set_, "TargetType": "AWS_ACCOUNT", "TargetId": account or self.member, "PrincipalType": kind,
                 "PrincipalId": who or (self.user if kind == "USER" else self.group)}
        if undo:
            begun = self.sso.delete_account_assignment(**asked)["AccountAssignmentDeletionStatus"]
            assert begun["Status"] == "IN_PROGRESS"
            self.cloud.advance(1)
            return self.sso.describe_account_assignment_deletion_status(InstanceArn=self.arn, AccountAssignmentDeletionRequestId=begun["RequestId"])["AccountAssignmentDeletionStatus"]
        begun = self.sso.create_account_assignment(**asked)["AccountAssignmentCreationStatus"]
        assert begun["Status"] == "IN_PROGRESS"
        self.cloud.advance(1)
        return self.sso.describe_account_assignment_creation_status(InstanceArn=self.arn, AccountAssignmentCreationRequestId=begun["RequestId"])["AccountAssignmentCreationStatus"]

    def there(self, service):
        """A client of the member account's root."""
        return Account(self.cloud.url, self.member).client(service)

    def roles(self):
        return self.there("iam").list_roles(PathPrefix="/aws-reserved/")["Roles"]


@pytest.fixture
def center(cloud):
    return Center(cloud)
