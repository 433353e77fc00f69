"""What an organization forbids stays forbidden, however the cloud stopped."""
from __future__ import annotations

from cloche.testing.cloche import Account
from cloche.testing.people import deny, document, refused

from .conftest import Org


def test_control_policies_bind_from_the_first_request_after_a_crash(process):
    cloud = process()
    org = Org(Account(cloud.url, "111111111111"))
    member = org.member("m")
    org.enable()
    org.policy(document(deny("dynamodb:*")), target=org.root)
    wish = org.api.create_account(Email="late@example.com", AccountName="late")["CreateAccountStatus"]["Id"]
    cloud.kill()
    cloud.start()
    after, management = Account(cloud.url, member.account), Account(cloud.url, "111111111111")
    assert "service control policy" in refused("AccessDeniedException", after.client("dynamodb").list_tables)
    management.client("dynamodb").list_tables()
    management.advance(1)
    assert management.client("organizations").describe_create_account_status(CreateAccountRequestId=wish)["CreateAccountStatus"]["State"] == "SUCCEEDED"
    assert [x["Name"] for x in management.client("organizations").list_accounts()["Accounts"] if x["JoinedMethod"] == "CREATED"].count("late") == 1
