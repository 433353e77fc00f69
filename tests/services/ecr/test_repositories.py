"""Repositories of images, and who may use them."""
import json

import pytest
from botocore.exceptions import ClientError

from .pushing import image


@pytest.fixture
def ecr(cloud):
    return cloud.client("ecr")


def refused(operation, **members):
    with pytest.raises(ClientError) as error:
        operation(**members)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def test_a_repository_says_where_it_is(cloud, ecr):
    made = ecr.create_repository(repositoryName="team/app", tags=[{"Key": "a", "Value": "b"}])["repository"]
    assert made["repositoryArn"] == f"arn:aws:ecr:us-east-1:{cloud.account}:repository/team/app" and made["registryId"] == cloud.account
    assert made["repositoryUri"].startswith(f"{cloud.account}.dkr.ecr.us-east-1.") and made["repositoryUri"].endswith("/team/app")
    assert (made["imageTagMutability"], made["imageScanningConfiguration"], made["encryptionConfiguration"]) == ("MUTABLE", {"scanOnPush": False}, {"encryptionType": "AES256"})
    assert ecr.describe_repositories(repositoryNames=["team/app"])["repositories"] == [made]
    assert ecr.list_tags_for_resource(resourceArn=made["repositoryArn"])["tags"] == [{"Key": "a", "Value": "b"}]
    ecr.tag_resource(resourceArn=made["repositoryArn"], tags=[{"Key": "c", "Value": "d"}])
    ecr.untag_resource(resourceArn=made["repositoryArn"], tagKeys=["a"])
    assert ecr.list_tags_for_resource(resourceArn=made["repositoryArn"])["tags"] == [{"Key": "c", "Value": "d"}]


def test_names_are_lower_case_and_taken_once(cloud, ecr):
    ecr.create_repository(repositoryName="app")
    code, message = refused(ecr.create_repository, repositoryName="app")
    assert (code, message) == ("RepositoryAlreadyExistsException", f"The repository with name 'app' already exists in the registry with id '{cloud.account}'")
    for name in ("App", "app--", "/app", "a//b"):
        assert refused(ecr.create_repository, repositoryName=name)[0] == "InvalidParameterException"
    assert cloud.client("ecr", region="eu-west-1").describe_repositories()["repositories"] == []


def test_what_is_not_there_is_not_found(cloud, ecr):
    code, message = refused(ecr.describe_repositories, repositoryNames=["none"])
    assert (code, message) == ("RepositoryNotFoundException", f"The repository with name 'none' does not exist in the registry with id '{cloud.account}'")
    assert refused(ecr.delete_repository, repositoryName="none")[0] == "RepositoryNotFoundException"
    assert refused(ecr.list_images, repositoryName="none")[0] == "RepositoryNotFoundException"


def test_a_repository_with_images_goes_only_by_force(ecr):
    ecr.create_repository(repositoryName="app")
    image(ecr, "app", "v1")
    assert refused(ecr.delete_repository, repositoryName="app")[0] == "RepositoryNotEmptyException"
    ecr.delete_repository(repositoryName="app", force=True)
    ecr.create_repository(repositoryName="app")
    assert ecr.list_images(repositoryName="app")["imageIds"] == []


def test_repositories_are_listed_by_pages(ecr):
    for number in range(5):
        ecr.create_repository(repositoryName=f"r{number}")
    pages = list(ecr.get_paginator("describe_repositories").paginate(PaginationConfig={"PageSize": 2}))
    assert [[one["repositoryName"] for one in page["repositories"]] for page in pages] == [["r0", "r1"], ["r2", "r3"], ["r4"]]


def test_a_repository_under_a_key_needs_the_key(cloud, ecr):
    key = cloud.client("kms").create_key()["KeyMetadata"]
    made = ecr.create_repository(repositoryName="sealed", encryptionConfiguration={"encryptionType": "KMS", "kmsKey": key["KeyId"]})["repository"]
    assert made["encryptionConfiguration"] == {"encryptionType": "KMS", "kmsKey": key["Arn"]}
    assert len(cloud.client("kms").list_grants(KeyId=key["KeyId"])["Grants"]) == 1
    ecr.delete_repository(repositoryName="sealed")
    assert cloud.client("kms").list_grants(KeyId=key["KeyId"])["Grants"] == []


def test_settings_of_a_repository_can_be_changed(ecr):
    ecr.create_repository(repositoryName="app", imageTagMutability="IMMUTABLE", imageScanningConfiguration={"scanOnPush": True})
    assert ecr.put_image_tag_mutability(repositoryName="app", imageTagMutability="MUTABLE")["imageTagMutability"] == "MUTABLE"
    assert ecr.put_image_scanning_configuration(repositoryName="app", imageScanningConfiguration={"scanOnPush": False})["imageScanningConfiguration"] == {"scanOnPush": False}
    code, _ = refused(ecr.put_image_tag_mutability, repositoryName="app", imageTagMutability="IMMUTABLE_WITH_EXCLUSION")
    assert code == "InvalidParameterException"


def test_another_account_pulls_what_the_repositorys_policy_gives_it(cloud, ecr):
    other = cloud.other()
    theirs = other.client("ecr")
    ecr.create_repository(repositoryName="shared")
    image(ecr, "shared", "v1")
    asked = {"registryId": cloud.account, "repositoryName": "shared", "imageIds": [{"imageTag": "v1"}]}
    assert refused(theirs.batch_get_image, **asked)[0] == "AccessDeniedException"
    assert refused(ecr.get_repository_policy, repositoryName="shared")[0] == "RepositoryPolicyNotFoundException"
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{other.account}:root"}, "Action": ["ecr:BatchGetImage"]}]})
    ecr.set_repository_policy(repositoryName="shared", policyText=policy)
    assert ecr.get_repository_policy(repositoryName="shared")["policyText"] == policy
    assert len(theirs.batch_get_image(**asked)["images"]) == 1
    assert refused(theirs.list_images, registryId=cloud.account, repositoryName="shared")[0] == "AccessDeniedException"
    ecr.delete_repository_policy(repositoryName="shared")
    assert refused(theirs.batch_get_image, **asked)[0] == "AccessDeniedException"
    assert refused(ecr.set_repository_policy, repositoryName="shared", policyText="{")[0] == "InvalidParameterException"
    assert refused(ecr.delete_repository_policy, repositoryName="shared")[0] == "RepositoryPolicyNotFoundException"


def test_a_registrys_policy_is_kept_and_taken_back(cloud, ecr):
    assert refused(ecr.get_registry_policy)[0] == "RegistryPolicyNotFoundException"
    text = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "ecr:ReplicateImage", "Resource": "*"}]})
    assert ecr.put_registry_policy(policyText=text) ["policyText"] == text and ecr.get_registry_policy()["policyText"] == text
    assert refused(ecr.put_registry_policy, policyText="{}")[0] == "ValidationException"
    assert ecr.delete_registry_policy()["policyText"] == text
    assert refused(ecr.delete_registry_policy)[0] == "RegistryPolicyNotFoundException"


def test_a_stack_has_a_repository_with_its_policies(cloud, ecr):
    from tests.services.cloudformation.templates import outputs, reasons, status, template
    cfn = cloud.client("cloudformation")
    lifecycle = json.dumps({"rules": [{"rulePriority": 1, "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 1}, "action": {"type": "expire"}}]})
    allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage"}]}

    def body(**more):
        return template({"R": {"Type": "AWS::ECR::Repository", "Properties": {"ImageTagMutability": "IMMUTABLE", "RepositoryPolicyText": allow, "EmptyOnDelete": True, **more}},
                         "P": {"Type": "AWS::ECR::RegistryPolicy", "Properties": {"PolicyText": {
                             "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "ecr:ReplicateImage", "Resource": "*"}]}}},
                         "X": {"Type": "AWS::ECR::ReplicationConfiguration", "Properties": {"ReplicationConfiguration": {
                             "Rules": [{"Destinations": [{"Region": "eu-west-1", "RegistryId": {"Ref": "AWS::AccountId"}}]}]}}}},
                        Outputs={"Name": {"Value": {"Ref": "R"}}, "Uri": {"Value": {"Fn::GetAtt": ["R", "RepositoryUri"]}}})
    cfn.create_stack(StackName="images", TemplateBody=body(LifecyclePolicy={"LifecyclePolicyText": lifecycle}))
    assert status(cfn, "images") == "CREATE_COMPLETE", reasons(cfn, "images")
    said = outputs(cfn, "images")
    one = ecr.describe_repositories(repositoryNames=[said["Name"]])["repositories"][0]
    assert one["repositoryUri"] == said["Uri"] and one["imageTagMutability"] == "IMMUTABLE"
    assert json.loads(ecr.get_repository_policy(repositoryName=said["Name"])["policyText"]) == allow and ecr.get_lifecycle_policy(repositoryName=said["Name"])["lifecyclePolicyText"] == lifecycle
    assert ecr.describe_registry()["replicationConfiguration"]["rules"][0]["destinations"] == [{"region": "eu-west-1", "registryId": cloud.account}]
    cfn.update_stack(StackName="images", TemplateBody=body(ImageTagMutability="MUTABLE"))
    assert status(cfn, "images") == "UPDATE_COMPLETE", reasons(cfn, "images")
    assert ecr.describe_repositories()["repositories"][0]["imageTagMutability"] == "MUTABLE" and refused(ecr.get_lifecycle_policy, repositoryName=said["Name"])[0] == "LifecyclePolicyNotFoundException"
    image(ecr, said["Name"], "v1")
    cfn.delete_stack(StackName="images")
    for _ in range(10):
        cloud.advance(1)
        if not ecr.describe_repositories()["repositories"]:
            break
    assert ecr.describe_repositories()["repositories"] == []
