"""The cluster query language: what each operator means for what is known of an instance."""
import pytest

from cloche.languages.cluster_query import Invalid, parse

FACTS = {"attribute:ecs.instance-type": "t3.small", "attribute:ecs.availability-zone": "us-east-1a", "attribute:empty": "", "runningTasksCount": 2, "agentVersion": "1.9.3", "agentConnected": True,
         "task:group": ["service:web", "family:x"], "registeredAt": 1529360908.0, "ec2InstanceId": "i-1"}   # 2018-06-18T22:28:28Z


@pytest.mark.parametrize(("text", "found"), [
    ("attribute:ecs.instance-type == t3.small", True), ("attribute:ecs.instance-type equals t3.large", False), ("attribute:ecs.instance-type != t3.large", True),
    ("attribute:stack != prod", False), ("attribute:stack not_equals prod", False), ("attribute:stack exists", False), ("attribute:stack !exists", True), ("attribute:stack not_exists", True),
    ("attribute:empty exists", True), ("attribute:ecs.availability-zone in [us-east-1a, us-east-1b]", True), ("attribute:ecs.availability-zone !in [us-east-1a]", False),
    ("attribute:ecs.availability-zone not_in [us-west-2a]", True), ("attribute:ecs.instance-type =~ t3.*", True), ("attribute:ecs.instance-type matches t3", False),
    ("attribute:ecs.instance-type !~ m5.*", True), ("attribute:ecs.instance-type not_matches t3.*", False), ("runningTasksCount > 1", True), ("runningTasksCount less_than 2", False),
    ("runningTasksCount >= 2 and runningTasksCount <= 2", True), ("agentVersion > 1.10.0", False), ("agentVersion greater_than_equal 1.9.3", True), ("agentVersion < 1.10", True),
    ("registeredAt == 2018-06-18T22:28:28+00:00", True), ("registeredAt == 2018-06-18T22:28:28Z", True), ("registeredAt > 2018-06-18", True), ("registeredAt >= 2018-06-18T22:28:29", False),
    ("task:group == service:web", True), ("not(task:group == service:web)", False), ("!(task:group == service:db)", True), ("agentConnected == true", True),
    ("agentConnected == false || ec2InstanceId == i-1", True), ("(runningTasksCount > 5 or attribute:empty exists) && agentConnected == true", True)])
def test_an_expression_selects(text, found):
    assert parse(text)(FACTS.get) is found


@pytest.mark.parametrize("text", ["", "bogus == 1", "attribute: == 1", "attribute:a ==", "attribute:a = b", "(attribute:a exists", "attribute:a exists)", "attribute:a in b", "attribute:a == [b]",
                                  "attribute:a in []", "attribute:a =~ (", "registeredAt > yesterday", "attribute:a exists and", "attribute:a exists attribute:b exists"])
def test_what_is_no_expression_is_refused(text):
    with pytest.raises(Invalid):
        parse(text)
