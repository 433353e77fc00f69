"""Datasets of identities, kept in step by numbers."""
import pytest

from cloche.testing.people import allow, document, refused

from ..cognito_identity.test_identities import Pool


class Device:
    def __init__(self, cloud):
        self.pool = Pool(cloud)
        cloud.client("iam").put_role_policy(RoleName="authenticated", PolicyName="sync", PolicyDocument=document(
            allow("cognito-sync:*", [f"arn:aws:cognito-sync:us-east-1:{cloud.account}:identitypool/{self.pool.id}/identity/${{cognito-identity.amazonaws.com:sub}}{rest}" for rest in ("", "/*")])))
        self.id = self.pool.anonymous.get_id(IdentityPoolId=self.pool.id, Logins=self.pool.logins)["IdentityId"]
        self.client = cloud.client("cognito-sync", **self.pool.session(self.id, Logins=self.pool.logins))
        self.at = {"IdentityPoolId": self.pool.id, "IdentityId": self.id}

    def pull(self, since=0, name="prefs", **more):
        return self.client.list_records(**self.at, DatasetName=name, LastSyncCount=since, **more)

    def push(self, token, *patches, name="prefs"):
        return self.client.update_records(**self.at, DatasetName=name, SyncSessionToken=token, RecordPatches=[
            {"Op": op, "Key": key, "SyncCount": count} | ({"Value": value} if value is not None else {}) for op, key, value, count in patches])["Records"]


@pytest.fixture
def device(cloud):
    return Device(cloud)


def test_changes_are_pulled_by_the_number_of_the_last_one_known(device):
    assert device.pull()["DatasetExists"] is False
    assert [one["SyncCount"] for one in device.push(device.pull()["SyncSessionToken"], ("replace", "color", "red", 0), ("replace", "size", "4", 0))] == [1, 1]
    device.push(device.pull()["SyncSessionToken"], ("replace", "color", "blue", 1))
    found = device.pull(since=1)
    assert [(one["Key"], one["Value"], one["SyncCount"]) for one in found["Records"]] == [("color", "blue", 2)] and found["DatasetSyncCount"] == 2
    device.push(found["SyncSessionToken"], ("remove", "size", None, 1))
    [gone] = device.pull(since=2)["Records"]
    assert gone["Key"] == "size" and "Value" not in gone
    about = device.client.describe_dataset(**device.at, DatasetName="prefs")["Dataset"]
    assert about["NumRecords"] == 1 and about["DataStorage"] == len("color" "blue")


def test_a_patch_of_an_older_state_is_a_conflict_and_nothing_of_it_is_done(device):
    device.push(device.pull()["SyncSessionToken"], ("replace", "color", "red", 0))
    token = device.pull()["SyncSessionToken"]
    refused("ResourceConflictException", device.push, token, ("replace", "new", "x", 0), ("replace", "color", "green", 0))
    assert [one["Key"] for one in device.pull()["Records"]] == ["color"]
    device.push(token, ("replace", "color", "green", 1))
    refused("InvalidParameterException", device.push, token, ("replace", "color", "late", 2))


def test_a_deleted_dataset_is_known_to_be_deleted(device):
    device.push(device.pull()["SyncSessionToken"], ("replace", "a", "b", 0))
    device.push(device.pull(name="other")["SyncSessionToken"], ("replace", "a", "b", 0), name="other")
    assert [one["DatasetName"] for one in device.client.list_datasets(**device.at)["Datasets"]] == ["other", "prefs"]
    device.client.delete_dataset(**device.at, DatasetName="prefs")
    refused("ResourceNotFoundException", device.client.delete_dataset, **device.at, DatasetName="prefs")
    found = device.pull(since=1)
    assert found["DatasetDeletedAfterRequestedSyncCount"] and not found["DatasetExists"]


def test_an_identity_reads_its_own_and_the_owner_sees_the_usage(cloud, device):
    device.push(device.pull()["SyncSessionToken"], ("replace", "a", "bc", 0))
    refused("AccessDeniedException", device.client.list_datasets, IdentityPoolId=device.pool.id, IdentityId="us-east-1:00000000-0000-0000-0000-000000000000")
    owner = cloud.client("cognito-sync")
    assert owner.describe_identity_usage(**device.at)["IdentityUsage"]["DataStorage"] == 3
    assert owner.describe_identity_pool_usage(IdentityPoolId=device.pool.id)["IdentityPoolUsage"]["SyncSessionsCount"] == 1
    assert [one["IdentityPoolId"] for one in owner.list_identity_pool_usage()["IdentityPoolUsages"]] == [device.pool.id]
    refused("ResourceNotFoundException", owner.list_datasets, IdentityPoolId=device.pool.id, IdentityId="us-east-1:00000000-0000-0000-0000-000000000000")
