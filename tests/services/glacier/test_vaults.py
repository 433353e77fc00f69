"""Glacier: vaults, archives, parts, jobs, locks."""
import io
import json

import pytest
from botocore.exceptions import ClientError
from botocore.utils import calculate_tree_hash

from cloche.services.glacier import trees
from cloche.testing import people

MB = 1 << 20
HOURS = 3600


@pytest.fixture
def glacier(cloud):
    return cloud.client("glacier")


@pytest.fixture
def vault(glacier):
    glacier.create_vault(vaultName="papers")
    return "papers"


def refused(function, *args, **kwargs):
    with pytest.raises(ClientError) as caught:
        function(*args, **kwargs)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def put(glacier, vault, body=b"words", **more):
    return glacier.upload_archive(vaultName=vault, body=body, **more)["archiveId"]


def test_tree_hashes_are_those_that_clients_compute():
    for size in (0, 1, MB - 1, MB, MB + 1, 3 * MB, 5 * MB + 17):
        data = bytes(size)
        assert trees.root(trees.leaves(data)) == (calculate_tree_hash(io.BytesIO(data)) if size else trees.root(trees.leaves(b"")))
    assert trees.aligned(0, 5 * MB, 5 * MB) and trees.aligned(4 * MB, 5 * MB, 5 * MB) and trees.aligned(2 * MB, 4 * MB, 5 * MB)
    assert not trees.aligned(MB, 3 * MB, 5 * MB) and not trees.aligned(0, MB + 1, 5 * MB) and not trees.aligned(0, 3 * MB, 5 * MB)


def test_a_vault_is_made_once_and_listed_by_name(cloud, glacier):
    assert glacier.create_vault(vaultName="b.vault")["location"] == f"/{cloud.account}/vaults/b.vault"
    glacier.create_vault(vaultName="b.vault")
    glacier.create_vault(vaultName="a_vault", accountId=cloud.account)
    first = glacier.list_vaults(limit="1")
    assert [v["VaultName"] for v in first["VaultList"]] == ["a_vault"] and first["Marker"].endswith(":vaults/b.vault")
    assert [v["VaultName"] for v in glacier.list_vaults(marker=first["Marker"])["VaultList"]] == ["b.vault"]
    about = glacier.describe_vault(vaultName="a_vault")
    assert about["VaultARN"] == f"arn:aws:glacier:us-east-1:{cloud.account}:vaults/a_vault" and about["NumberOfArchives"] == 0 and "LastInventoryDate" not in about
    assert refused(glacier.create_vault, vaultName="no spaces")[0] == "InvalidParameterValueException"
    assert refused(glacier.list_vaults, limit="99")[0] == "InvalidParameterValueException"
    assert refused(glacier.list_vaults, marker="nowhere")[0] == "InvalidParameterValueException"
    assert refused(glacier.describe_vault, vaultName="none") == ("ResourceNotFoundException", f"Vault not found for ARN: arn:aws:glacier:us-east-1:{cloud.account}:vaults/none")
    glacier.delete_vault(vaultName="a_vault")
    glacier.delete_vault(vaultName="a_vault")
    assert len(glacier.list_vaults()["VaultList"]) == 1


def test_a_vault_has_up_to_ten_tags(glacier, vault):
    glacier.add_tags_to_vault(vaultName=vault, Tags={"a": "1", "b": "2"})
    glacier.add_tags_to_vault(vaultName=vault, Tags={"a": "3"})
    glacier.remove_tags_from_vault(vaultName=vault, TagKeys=["b", "c"])
    assert glacier.list_tags_for_vault(vaultName=vault)["Tags"] == {"a": "3"}
    assert refused(glacier.add_tags_to_vault, vaultName=vault, Tags={f"t{n}": "" for n in range(10)})[0] == "LimitExceededException"
    assert refused(glacier.add_tags_to_vault, vaultName=vault, Tags={"aws:x": ""})[0] == "InvalidParameterValueException"


def test_an_archive_must_have_the_tree_hash_that_was_said(cloud, glacier, vault):
    body = b"x" * (2 * MB + 5)
    made = glacier.upload_archive(vaultName=vault, archiveDescription="letters", body=body)
    assert made["checksum"] == calculate_tree_hash(io.BytesIO(body)) and made["location"].endswith(made["archiveId"]) and len(made["archiveId"]) == 138
    assert "Checksum mismatch" in refused(glacier.upload_archive, vaultName=vault, body=b"other", checksum="0" * 64)[1]
    assert refused(glacier.upload_archive, vaultName=vault, body=b"other", checksum="zz")[0] == "InvalidParameterValueException"
    assert refused(glacier.upload_archive, vaultName=vault, body=b"other", archiveDescription="\u00e4".encode().decode("latin-1"))[0] == "InvalidParameterValueException"
    glacier.delete_archive(vaultName=vault, archiveId=made["archiveId"])
    glacier.delete_archive(vaultName=vault, archiveId=made["archiveId"])
    assert refused(glacier.delete_archive, vaultName=vault, archiveId="nothing")[0] == "ResourceNotFoundException"


def test_a_vault_is_described_as_of_its_last_inventory_and_goes_when_that_was_empty(cloud, glacier, vault):
    id_ = put(glacier, vault)
    assert glacier.describe_vault(vaultName=vault)["NumberOfArchives"] == 0
    assert refused(glacier.initiate_job, vaultName=vault, jobParameters={"Type": "inventory-retrieval"})[0] == "ResourceNotFoundException"
    assert "Vault not empty or recently written to" in refused(glacier.delete_vault, vaultName=vault)[1]
    cloud.advance(hours=24)
    about = glacier.describe_vault(vaultName=vault)
    assert (about["NumberOfArchives"], about["SizeInBytes"]) == (1, 5) and about["LastInventoryDate"] > about["CreationDate"]
    glacier.delete_archive(vaultName=vault, archiveId=id_)
    assert glacier.describe_vault(vaultName=vault)["NumberOfArchives"] == 1
    assert "Vault not empty" in refused(glacier.delete_vault, vaultName=vault)[1]
    cloud.advance(hours=24)
    assert glacier.describe_vault(vaultName=vault)["NumberOfArchives"] == 0
    glacier.delete_vault(vaultName=vault)
    assert glacier.list_vaults()["VaultList"] == []


def test_parts_have_one_size_and_leave_no_gap(cloud, glacier, vault):
    assert refused(glacier.initiate_multipart_upload, vaultName=vault, partSize=str(3 * MB))[0] == "InvalidParameterValueException"
    upload = glacier.initiate_multipart_upload(vaultName=vault, partSize=str(MB), archiveDescription="in parts")["uploadId"]
    body = b"a" * MB + b"b" * MB + b"c" * 10
    tree = calculate_tree_hash(io.BytesIO(body))

    def part(at):
        piece = body[at:at + MB]
        return glacier.upload_multipart_part(vaultName=vault, uploadId=upload, range=f"bytes {at}-{at + len(piece) - 1}/*", body=piece)["checksum"]

    last, first = part(2 * MB), part(0)
    assert first == calculate_tree_hash(io.BytesIO(b"a" * MB))
    assert "does not align" in refused(glacier.upload_multipart_part, vaultName=vault, uploadId=upload, range="bytes 5-14/*", body=b"c" * 10)[1]
    assert refused(glacier.upload_multipart_part, vaultName=vault, uploadId=upload, range="bytes 0-5/*", body=b"c" * 10)[0] == "InvalidParameterValueException"
    assert refused(glacier.upload_multipart_part, vaultName=vault, uploadId="none", range="bytes 0-9/*", body=b"c" * 10)[0] == "ResourceNotFoundException"
    complete = {"vaultName": vault, "uploadId": upload, "archiveSize": str(len(body)), "checksum": tree}
    assert f"lacks the bytes {MB}-{2 * MB - 1}" in refused(glacier.complete_multipart_upload, **complete)[1]
    part(MB)
    listed = glacier.list_parts(vaultName=vault, uploadId=upload, limit="2")
    assert [p["RangeInBytes"] for p in listed["Parts"]] == [f"0-{MB - 1}", f"{MB}-{2 * MB - 1}"] and listed["PartSizeInBytes"] == MB
    assert glacier.list_parts(vaultName=vault, uploadId=upload, marker=listed["Marker"])["Parts"] == [{"RangeInBytes": f"{2 * MB}-{2 * MB + 9}", "SHA256TreeHash": last}]
    assert [u["MultipartUploadId"] for u in glacier.list_multipart_uploads(vaultName=vault)["UploadsList"]] == [upload]
    assert refused(glacier.complete_multipart_upload, **complete | {"archiveSize": "7"})[0] == "InvalidParameterValueException"
    assert "Checksum mismatch" in refused(glacier.complete_multipart_upload, **complete | {"checksum": "0" * 64})[1]
    made = glacier.complete_multipart_upload(**complete)
    assert made["checksum"] == tree
    assert glacier.complete_multipart_upload(**complete)["archiveId"] == made["archiveId"]
    assert refused(glacier.list_parts, vaultName=vault, uploadId=upload)[0] == "ResourceNotFoundException"
    assert glacier.list_multipart_uploads(vaultName=vault)["UploadsList"] == []
    job = glacier.initiate_job(vaultName=vault, jobParameters={"Type": "archive-retrieval", "ArchiveId": made["archiveId"], "RetrievalByteRange": f"{MB}-{2 * MB + 9}"})["jobId"]
    cloud.advance(hours=5)
    about = glacier.describe_job(vaultName=vault, jobId=job)
    assert about["ArchiveSHA256TreeHash"] == tree and "SHA256TreeHash" not in about  # that stretch is not under one node
    output = glacier.get_job_output(vaultName=vault, jobId=job)
    assert output["body"].read() == body[MB:] and output["archiveDescription"] == "in parts" and "checksum" not in output


def test_an_upload_that_nobody_touches_for_a_day_goes(cloud, glacier, vault):
    kept, gone = (glacier.initiate_multipart_upload(vaultName=vault, partSize=str(MB))["uploadId"] for _ in range(2))
    third = glacier.initiate_multipart_upload(vaultName=vault, partSize=str(MB))["uploadId"]
    glacier.abort_multipart_upload(vaultName=vault, uploadId=third)
    assert refused(glacier.abort_multipart_upload, vaultName=vault, uploadId=third)[0] == "ResourceNotFoundException"
    cloud.advance(hours=20)
    glacier.upload_multipart_part(vaultName=vault, uploadId=kept, range="bytes 0-2/*", body=b"abc")
    cloud.advance(hours=5)
    assert [u["MultipartUploadId"] for u in glacier.list_multipart_uploads(vaultName=vault)["UploadsList"]] == [kept] != [gone]


def test_an_archive_is_ready_as_late_as_its_tier_and_stays_for_a_day(cloud, glacier, vault):
    id_ = put(glacier, vault, b"x" * (MB + 3), archiveDescription="a letter")
    jobs = {tier: glacier.initiate_job(vaultName=vault, jobParameters={"Type": "archive-retrieval", "ArchiveId": id_, "Tier": tier, "Description": tier})["jobId"]
            for tier in ("Expedited", "Standard", "Bulk")}
    about = glacier.describe_job(vaultName=vault, jobId=jobs["Bulk"])
    assert (about["Action"], about["StatusCode"], about["Completed"], about["Tier"], about["JobDescription"], about["RetrievalByteRange"]) == (
        "ArchiveRetrieval", "InProgress", False, "Bulk", "Bulk", f"0-{MB + 2}")
    assert "not currently available" in refused(glacier.get_job_output, vaultName=vault, jobId=jobs["Bulk"])[1]

    def ready():
        return {job["Tier"] for job in glacier.list_jobs(vaultName=vault, completed="true")["JobList"]}

    cloud.advance(minutes=5)
    assert ready() == {"Expedited"}
    cloud.advance(hours=5)
    assert ready() == {"Expedited", "Standard"}
    assert [job["Tier"] for job in glacier.list_jobs(vaultName=vault, statuscode="InProgress")["JobList"]] == ["Bulk"]
    cloud.advance(hours=7)
    assert ready() == set(jobs)
    glacier.delete_archive(vaultName=vault, archiveId=id_)  # what is ready stays
    whole = glacier.get_job_output(vaultName=vault, jobId=jobs["Standard"])
    assert whole["body"].read() == b"x" * (MB + 3) and whole["status"] == 200 and whole["archiveDescription"] == "a letter"
    assert whole["checksum"] == calculate_tree_hash(io.BytesIO(b"x" * (MB + 3)))
    some = glacier.get_job_output(vaultName=vault, jobId=jobs["Bulk"], range=f"bytes={MB}-{MB + 2}")
    assert (some["status"], some["contentRange"], some["body"].read()) == (206, f"bytes {MB}-{MB + 2}/{MB + 3}", b"xxx")
    assert some["checksum"] == calculate_tree_hash(io.BytesIO(b"xxx"))
    assert "checksum" not in glacier.get_job_output(vaultName=vault, jobId=jobs["Bulk"], range="bytes=1-5")
    assert refused(glacier.get_job_output, vaultName=vault, jobId=jobs["Bulk"], range="bytes=99999999-")[0] == "InvalidParameterValueException"
    cloud.advance(hours=25)
    assert refused(glacier.describe_job, vaultName=vault, jobId=jobs["Bulk"])[0] == "ResourceNotFoundException"


def test_jobs_that_make_no_sense_are_refused(cloud, glacier, vault):
    id_ = put(glacier, vault)

    def code(**parameters):
        return refused(glacier.initiate_job, vaultName=vault, jobParameters=parameters)[0]

    assert code() == code(Type="archive-retrieval") == "MissingParameterValueException"
    assert code(Type="archive-retrieval", ArchiveId="none") == "ResourceNotFoundException"
    assert code(Type="select") == "NoLongerSupportedException"
    for wrong in ({"Type": "burn"}, {"Type": "archive-retrieval", "ArchiveId": id_, "Tier": "Now"}, {"Type": "archive-retrieval", "ArchiveId": id_, "RetrievalByteRange": "1-4"},
                  {"Type": "archive-retrieval", "ArchiveId": id_, "RetrievalByteRange": "0-5"}, {"Type": "archive-retrieval", "ArchiveId": id_, "SNSTopic": "nobody"},
                  {"Type": "archive-retrieval", "ArchiveId": id_, "Format": "CSV"}, {"Type": "inventory-retrieval", "ArchiveId": id_}):
        assert code(**wrong) == "InvalidParameterValueException", wrong
    assert refused(glacier.list_jobs, vaultName=vault, statuscode="Lost")[0] == refused(glacier.list_jobs, vaultName=vault, completed="maybe")[0] == "InvalidParameterValueException"


def test_an_inventory_lists_what_the_vault_had_when_it_was_taken(cloud, glacier, vault):
    ids = [put(glacier, vault, b"1" * n, archiveDescription=f"no. {n}") for n in (1, 2, 3)]
    cloud.advance(hours=24)
    late = put(glacier, vault, b"later")

    def inventory(**parameters):
        job = glacier.initiate_job(vaultName=vault, jobParameters={"Type": "inventory-retrieval", **parameters})["jobId"]
        cloud.advance(hours=5)
        return glacier.describe_job(vaultName=vault, jobId=job), glacier.get_job_output(vaultName=vault, jobId=job)["body"].read().decode()

    about, text = inventory()
    listed = json.loads(text)
    assert {one["ArchiveId"] for one in listed["ArchiveList"]} == set(ids) and late not in text
    assert {one["ArchiveDescription"]: one["Size"] for one in listed["ArchiveList"]} == {"no. 1": 1, "no. 2": 2, "no. 3": 3}
    assert listed["InventoryDate"] == glacier.describe_vault(vaultName=vault)["LastInventoryDate"] and about["InventorySizeInBytes"] == len(text)
    about, text = inventory(Format="CSV", InventoryRetrievalParameters={"Limit": "2"})
    assert text.splitlines()[0] == "ArchiveId,ArchiveDescription,CreationDate,Size,SHA256TreeHash" and len(text.splitlines()) == 3
    marker = about["InventoryRetrievalParameters"]["Marker"]
    about, rest = inventory(InventoryRetrievalParameters={"Limit": "2", "Marker": marker})
    assert late in rest and len(json.loads(rest)["ArchiveList"]) == 2  # meanwhile the next inventory was taken
    assert "Marker" not in about["InventoryRetrievalParameters"]
    assert json.loads(inventory(InventoryRetrievalParameters={"EndDate": "2000-01-01T00:00:00Z"})[1])["ArchiveList"] == []
    assert refused(glacier.initiate_job, vaultName=vault, jobParameters={"Type": "inventory-retrieval", "InventoryRetrievalParameters": {"StartDate": "then"}})[0] == "InvalidParameterValueException"


def test_topics_are_told_of_jobs_that_are_over(cloud, glacier, vault):
    sns, sqs = cloud.client("sns"), cloud.client("sqs")
    queue = sqs.create_queue(QueueName="told")["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = sns.create_topic(Name="glacier")["TopicArn"]
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": queue_arn}]})})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn, Attributes={"RawMessageDelivery": "true"})
    assert refused(glacier.get_vault_notifications, vaultName=vault)[0] == "ResourceNotFoundException"
    assert refused(glacier.set_vault_notifications, vaultName=vault, vaultNotificationConfig={"SNSTopic": topic, "Events": ["Rain"]})[0] == "InvalidParameterValueException"
    glacier.set_vault_notifications(vaultName=vault, vaultNotificationConfig={"SNSTopic": topic, "Events": ["ArchiveRetrievalCompleted"]})
    assert glacier.get_vault_notifications(vaultName=vault)["vaultNotificationConfig"]["SNSTopic"] == topic
    job = glacier.initiate_job(vaultName=vault, jobParameters={"Type": "archive-retrieval", "ArchiveId": put(glacier, vault)})["jobId"]
    cloud.advance(hours=5)
    [message] = sqs.receive_message(QueueUrl=queue)["Messages"]
    told = json.loads(message["Body"])
    assert (told["JobId"], told["StatusCode"], told["Action"]) == (job, "Succeeded", "ArchiveRetrieval")
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    glacier.delete_vault_notifications(vaultName=vault)
    id_ = put(glacier, vault)
    gone = glacier.initiate_job(vaultName=vault, jobParameters={"Type": "archive-retrieval", "ArchiveId": id_, "SNSTopic": topic})["jobId"]
    glacier.delete_archive(vaultName=vault, archiveId=id_)
    cloud.advance(hours=5)
    [message] = sqs.receive_message(QueueUrl=queue)["Messages"]
    told = json.loads(message["Body"])
    assert (told["JobId"], told["StatusCode"]) == (gone, "Failed")


def test_the_retrieval_policy_binds_standard_retrievals(cloud, glacier, vault):
    id_ = put(glacier, vault, b"x" * MB)
    ask = {"vaultName": vault, "jobParameters": {"Type": "archive-retrieval", "ArchiveId": id_}}
    assert glacier.get_data_retrieval_policy()["Policy"]["Rules"] == [{"Strategy": "None"}]
    for rules in ([], [{"Strategy": "Free"}], [{"Strategy": "BytesPerHour"}], [{"Strategy": "None", "BytesPerHour": 5}], [{"Strategy": "None"}, {"Strategy": "None"}]):
        assert refused(glacier.set_data_retrieval_policy, Policy={"Rules": rules})[0] == "InvalidParameterValueException"
    glacier.set_data_retrieval_policy(Policy={"Rules": [{"Strategy": "BytesPerHour", "BytesPerHour": MB // 4}]})
    glacier.initiate_job(**ask)
    assert refused(glacier.initiate_job, **ask) == ("PolicyEnforcedException", "InitiateJob request denied by current data retrieval policy.")
    glacier.initiate_job(vaultName=vault, jobParameters=ask["jobParameters"] | {"Tier": "Bulk"})
    cloud.advance(hours=5)
    glacier.initiate_job(**ask)
    glacier.set_data_retrieval_policy(Policy={"Rules": [{"Strategy": "FreeTier"}]})
    glacier.initiate_job(**ask)
    assert glacier.get_data_retrieval_policy()["Policy"]["Rules"] == [{"Strategy": "FreeTier"}]


def test_two_units_of_capacity_may_be_bought_for_a_month(cloud, glacier):
    ids = [glacier.purchase_provisioned_capacity()["capacityId"] for _ in range(2)]
    assert refused(glacier.purchase_provisioned_capacity)[0] == "LimitExceededException"
    assert {one["CapacityId"] for one in glacier.list_provisioned_capacity()["ProvisionedCapacityList"]} == set(ids)
    cloud.advance(days=31)
    assert glacier.list_provisioned_capacity()["ProvisionedCapacityList"] == []


def test_a_vaults_policy_lets_another_account_in(cloud, glacier, vault):
    other = cloud.other()
    theirs = other.client("glacier")
    ask = {"accountId": cloud.account, "vaultName": vault}
    assert refused(theirs.describe_vault, **ask)[0] == "AccessDeniedException"
    assert refused(glacier.get_vault_access_policy, vaultName=vault)[0] == "ResourceNotFoundException"
    document = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{other.account}:root"}, "Action": ["glacier:DescribeVault",
                           "glacier:UploadArchive"], "Resource": f"arn:aws:glacier:us-east-1:{cloud.account}:vaults/{vault}"}]})
    glacier.set_vault_access_policy(vaultName=vault, policy={"Policy": document})
    assert glacier.get_vault_access_policy(vaultName=vault)["policy"]["Policy"] == document
    assert theirs.describe_vault(**ask)["VaultName"] == vault
    assert theirs.upload_archive(**ask, body=b"a gift")["archiveId"]
    assert refused(theirs.list_jobs, **ask)[0] == "AccessDeniedException"
    assert refused(glacier.set_vault_access_policy, vaultName=vault, policy={"Policy": "{"})[0] == "InvalidParameterValueException"
    glacier.delete_vault_access_policy(vaultName=vault)
    assert refused(theirs.describe_vault, **ask)[0] == "AccessDeniedException"
    assert refused(theirs.list_vaults, accountId=cloud.account)[0] == "AccessDeniedException"


def test_a_lock_is_tried_for_a_day_and_then_stays(cloud, glacier, vault):
    arn = f"arn:aws:glacier:us-east-1:{cloud.account}:vaults/{vault}"
    young = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "glacier:DeleteArchive", "Resource": arn,
                                                                "Condition": {"NumericLessThan": {"glacier:ArchiveAgeInDays": "365"}}}]})
    assert refused(glacier.get_vault_lock, vaultName=vault)[0] == "ResourceNotFoundException"
    first = glacier.initiate_vault_lock(vaultName=vault, policy={"Policy": young})["lockId"]
    lock = glacier.get_vault_lock(vaultName=vault)
    assert (lock["State"], lock["Policy"]) == ("InProgress", young) and lock["ExpirationDate"] > lock["CreationDate"]
    assert refused(glacier.initiate_vault_lock, vaultName=vault, policy={"Policy": young})[0] == "AccessDeniedException"
    id_ = put(glacier, vault)
    assert refused(glacier.delete_archive, vaultName=vault, archiveId=id_)[0] == "AccessDeniedException"
    cloud.advance(hours=25)
    assert refused(glacier.complete_vault_lock, vaultName=vault, lockId=first)[0] == "ResourceNotFoundException"  # the day is over
    second = glacier.initiate_vault_lock(vaultName=vault, policy={"Policy": young})["lockId"]
    glacier.abort_vault_lock(vaultName=vault)
    assert refused(glacier.get_vault_lock, vaultName=vault)[0] == "ResourceNotFoundException"
    third = glacier.initiate_vault_lock(vaultName=vault, policy={"Policy": young})["lockId"]
    assert refused(glacier.complete_vault_lock, vaultName=vault, lockId=second)[0] == "InvalidParameterValueException"
    glacier.complete_vault_lock(vaultName=vault, lockId=third)
    glacier.complete_vault_lock(vaultName=vault, lockId=third)
    assert refused(glacier.complete_vault_lock, vaultName=vault, lockId=second)[0] == "AccessDeniedException"
    assert refused(glacier.abort_vault_lock, vaultName=vault)[0] == "AccessDeniedException"
    lock = glacier.get_vault_lock(vaultName=vault)
    assert lock["State"] == "Locked" and "ExpirationDate" not in lock
    assert refused(glacier.delete_archive, vaultName=vault, archiveId=id_)[0] == "AccessDeniedException"
    cloud.advance(days=366)
    glacier.delete_archive(vaultName=vault, archiveId=id_)


def test_a_user_needs_each_right(cloud, vault):
    client = people.Person(cloud, "packer", people.allow("glacier:UploadArchive")).client("glacier")
    assert put(client, vault)
    people.refused("AccessDeniedException", client.describe_vault, vaultName=vault)


def test_the_version_of_the_api_must_be_said(cloud):
    client = cloud.client("glacier")

    def older(params, **_):
        del params["headers"]["x-amz-glacier-version"]

    client.meta.events.register("before-call.glacier", older)
    assert refused(client.list_vaults) == ("MissingParameterValueException", "Required parameter missing: API version")
