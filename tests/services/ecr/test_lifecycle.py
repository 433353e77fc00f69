"""Images that expire by a policy."""
import json

import pytest

from .pushing import image
from .test_repositories import refused

DAY = 86400


def rule(priority, status, kind, number, **more):
    unit = {"countUnit": "days"} if kind.startswith("since") else {}
    return {"rulePriority": priority, "selection": {"tagStatus": status, "countType": kind, "countNumber": number, **unit, **more}, "action": {"type": "expire"}}


def policy(*rules):
    return json.dumps({"rules": list(rules)})


@pytest.fixture
def ecr(cloud):
    client = cloud.client("ecr")
    client.create_repository(repositoryName="app")
    return client


def tags(ecr):
    return sorted(tag for one in ecr.describe_images(repositoryName="app")["imageDetails"] for tag in one.get("imageTags", ["-"]))


def test_only_so_many_images_of_a_kind_are_kept(cloud, ecr):
    for name in ("prod-1", "dev-1", "prod-2", "dev-2", "prod-3"):
        image(ecr, "app", name)
    ecr.put_lifecycle_policy(repositoryName="app", lifecyclePolicyText=policy(rule(1, "tagged", "imageCountMoreThan", 1, tagPrefixList=["prod"])))
    assert "lastEvaluatedAt" not in ecr.get_lifecycle_policy(repositoryName="app") and len(tags(ecr)) == 5
    cloud.advance(DAY)
    assert tags(ecr) == ["dev-1", "dev-2", "prod-3"] and ecr.get_lifecycle_policy(repositoryName="app")["lastEvaluatedAt"]


def test_untagged_images_expire_by_age(cloud, ecr):
    image(ecr, "app", "latest")
    image(ecr, "app", "latest", b"{}", b"newer")
    ecr.put_lifecycle_policy(repositoryName="app", lifecyclePolicyText=policy(rule(1, "untagged", "sinceImagePushed", 14)))
    cloud.advance(13 * DAY)
    assert tags(ecr) == ["-", "latest"]
    cloud.advance(2 * DAY)
    assert tags(ecr) == ["latest"]


def test_a_rule_of_higher_priority_keeps_its_images_from_later_rules(cloud, ecr):
    for name in ("keep-1", "keep-2", "old-1", "old-2"):
        image(ecr, "app", name)
    text = policy(rule(1, "tagged", "imageCountMoreThan", 5, tagPatternList=["keep*"]), rule(2, "any", "imageCountMoreThan", 1))
    ecr.start_lifecycle_policy_preview(repositoryName="app", lifecyclePolicyText=text)
    preview = ecr.get_lifecycle_policy_preview(repositoryName="app")
    assert (preview["status"], preview["summary"]["expiringImageTotalCount"]) == ("COMPLETE", 1)
    assert [(one["imageTags"], one["appliedRulePriority"], one["action"]) for one in preview["previewResults"]] == [(["old-1"], 2, {"type": "EXPIRE"})]
    assert len(tags(ecr)) == 4
    ecr.put_lifecycle_policy(repositoryName="app", lifecyclePolicyText=text)
    cloud.advance(DAY)
    assert tags(ecr) == ["keep-1", "keep-2", "old-2"]


def test_a_policy_taken_back_expires_nothing(cloud, ecr):
    image(ecr, "app", "a")
    image(ecr, "app", "b")
    assert refused(ecr.get_lifecycle_policy, repositoryName="app")[0] == "LifecyclePolicyNotFoundException"
    assert refused(ecr.get_lifecycle_policy_preview, repositoryName="app")[0] == "LifecyclePolicyPreviewNotFoundException"
    ecr.put_lifecycle_policy(repositoryName="app", lifecyclePolicyText=policy(rule(1, "any", "imageCountMoreThan", 1)))
    ecr.delete_lifecycle_policy(repositoryName="app")
    cloud.advance(2 * DAY)
    assert tags(ecr) == ["a", "b"]


@pytest.mark.parametrize("text", [
    "{}", "[]", policy(), policy(rule(1, "tagged", "imageCountMoreThan", 1)), policy(rule(1, "any", "imageCountMoreThan", 0)),
    policy(rule(1, "any", "imageCountMoreThan", 1, countUnit="days")), policy(rule(1, "untagged", "imageCountMoreThan", 1), rule(1, "any", "imageCountMoreThan", 1)),
    policy(rule(1, "any", "imageCountMoreThan", 1), rule(2, "untagged", "imageCountMoreThan", 1)), policy(rule(1, "any", "never", 1)),
])
def test_a_policy_that_means_nothing_is_refused(ecr, text):
    code, message = refused(ecr.put_lifecycle_policy, repositoryName="app", lifecyclePolicyText=text if len(text) >= 100 else text + " " * 100)
    assert code == "InvalidParameterException" and "Lifecycle policy validation failure" in message
