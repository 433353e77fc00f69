"""AWS's groups against threats: bots, taken-over and fraudulent accounts, floods; and the tokens they ask for."""
import ipaddress
import json
from functools import cache

import pytest

from cloche.languages.waf import decide, fraud, managed, token

from .test_waf import World, acl, get

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126 Safari/537.36"
KEY = b"k" * 32
BOTS, ATP, ACFP, DDOS = (f"AWSManagedRules{one}RuleSet" for one in ("BotControl", "ATP", "ACFP", "AntiDDoS"))
FORM = {"PayloadType": "FORM_ENCODED", "UsernameField": {"Identifier": "u"}, "PasswordField": {"Identifier": "p"}}
LOGIN = {"LoginPath": "/login", "RequestInspection": FORM}
SIGN_UP = {"RegistrationPagePath": "/join", "CreationPath": "/accounts", "RequestInspection": {
    "PayloadType": "JSON", "UsernameField": {"Identifier": "/form/name"}, "PasswordField": {"Identifier": "/form/password"},
    "PhoneNumberFields": [{"Identifier": "/form/phone/0"}, {"Identifier": "/form/phone/1"}], "AddressFields": [{"Identifier": "/form/street"}]}}


def asks(group, asked, config=None, world=None, **how):
    one = {"Name": "m", "Priority": 0, "OverrideAction": {"None": {}},
           "Statement": {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": group, **({"ManagedRuleGroupConfigs": [{group: config}]} if config else {}), **how}}}
    return decide({**acl(), "Rules": [one]}, asked, world or World())


def labels(asked, namespace):
    prefix = f"awswaf:managed:aws:{namespace}:"
    return {one.removeprefix(prefix) for one in asked.labels if one.startswith(prefix)}


def by(agent, path="/", method="GET", body=b"", headers=(), **more):
    return get(path, headers=[("User-Agent", agent), ("Host", "shop.example.com"), *headers], method=method, body=body, **more)


@cache
def brought(session="s", at=0.0, since=0.0, agent=CHROME, answer="", domains=(), host="shop.example.com", drive=""):
    task = token.set_task(KEY, session, at, since, "shop.example.com", agent, answer)
    return token.read(f"{task}.{answer}" if answer else token.solve(task) + drive, KEY, host, list(domains))


@pytest.mark.parametrize("agent, rule, wanted", [
    ("curl/8.5.0", "CategoryHttpLibrary", {"bot:category:http_library", "bot:name:curl", "bot:unverified"}),
    ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "CategorySearchEngine", {"bot:category:search_engine", "bot:name:googlebot", "bot:unverified"}),
    ("Mozilla/5.0 (compatible; GPTBot/1.0)", "CategoryAI", {"bot:category:ai", "bot:name:gptbot"}), ("Scrapy/2.11", "CategoryScrapingFramework", {"bot:category:scraping_framework"}),
    ("AhrefsBot/7.0", "CategorySeo", {"bot:category:seo"}), ("UptimeRobot/2.0", "CategoryMonitoring", {"bot:category:monitoring"}), ("mybot/1.0", "CategoryMiscellaneous", {"bot:category:miscellaneous"}),
    ("Mozilla/5.0 (X11) HeadlessChrome/126 Safari/537.36", "SignalAutomatedBrowser", {"signal:automated_browser"}), ("whatever 1", "SignalNonBrowserUserAgent", {"signal:non_browser_user_agent"}),
    (CHROME, "", set())])
def test_bots_are_known_by_what_they_say_of_themselves(agent, rule, wanted):
    asked = by(agent)
    assert asks(BOTS, asked, {"InspectionLevel": "COMMON"}).within == rule and wanted <= labels(asked, "bot-control")
    assert "awswaf:managed:token:absent" in asked.labels


def test_clients_without_a_token_are_challenged_at_the_targeted_level_from_the_fifth_request_on():
    world, targeted = World(), {"InspectionLevel": "TARGETED"}
    assert [asks(BOTS, by(CHROME), targeted, world).action for _ in range(5)] == ["Allow"] * 4 + ["Challenge"]
    assert asks(BOTS, by(CHROME, address="10.0.0.1"), targeted, world).action == "Allow"                     # another client
    assert asks(BOTS, by(CHROME, token=brought()), targeted, world).action == "Allow"
    assert asks(BOTS, by(CHROME, token=brought(), now=301), targeted, world).action == "Challenge"            # a token of too long ago
    world.now = 301
    assert asks(BOTS, by(CHROME), targeted, world).action == "Allow"
    assert all(asks(BOTS, by(CHROME), {"InspectionLevel": "COMMON"}, world).action == "Allow" for _ in range(9))


def test_a_token_tells_of_driven_browsers_and_of_those_that_change():
    driven, other = by(CHROME, token=brought(drive="w")), by(CHROME + " Edg/1", token=brought())
    assert asks(BOTS, driven, {"InspectionLevel": "TARGETED"}).within == "TGT_SignalAutomatedBrowser"
    assert asks(BOTS, other, {"InspectionLevel": "TARGETED"}).within == "TGT_SignalBrowserInconsistency"
    solved = by(CHROME + " Edg/1", token=brought(answer="7"))
    assert asks(BOTS, solved, {"InspectionLevel": "TARGETED"}).action == "Allow", "a puzzle was solved: CAPTCHA only counts"


def test_a_token_is_believed_where_it_was_given_and_unchanged():
    task = token.set_task(KEY, "s", 0, 0, "shop.example.com", CHROME)
    good = token.solve(task)
    read = lambda text, host="shop.example.com", domains=(): token.read(text, KEY, host, list(domains))[:2]
    assert read(good) == ("accepted", "") and read(task + ".") == ("rejected", "not_solved") and token.read(good, b"x" * 32, "shop.example.com", [])[:2] == ("rejected", "invalid")
    assert read("garbage") == ("rejected", "invalid") and read(good, "www.example.com") == ("rejected", "domain_mismatch") and read(good, "www.example.com", ["example.com"]) == ("accepted", "")
    puzzle = token.set_task(KEY, "s", 0, 0, "shop.example.com", CHROME, "42")
    assert read(puzzle + ".42") == ("accepted", "") and read(puzzle + ".41") == ("rejected", "not_solved")
    assert json.dumps(task) in token.challenge_page(task) and "How much?" in token.puzzle_page(puzzle, "How much?") and "42" not in token.puzzle_page(puzzle, "?").replace(puzzle, "")


def test_logins_are_counted_by_address_and_looked_at_at_their_path_alone():
    world = World()
    said = [asks(ATP, by(CHROME, "/login", "POST", b"u=a&p=b"), LOGIN, world).within for _ in range(21)]
    assert said == [""] * 20 + ["VolumetricIpHigh"]
    middle = by(CHROME, "/login/", "POST", b"u=a&p=b")
    world.now = 601
    assert asks(ATP, middle, LOGIN, world).action == "Allow"
    for asked in (by(CHROME, "/login", "GET"), by(CHROME, "/home/login", "POST")):
        assert asks(ATP, asked, LOGIN, world).action == "Allow" and not labels(asked, "atp")
    for n, word in ((11, "low"), (16, "medium")):
        some = World()
        asked = [by(CHROME, "/login", "POST", b"u=a&p=b") for _ in range(n)]
        assert all(asks(ATP, one, LOGIN, some).action == "Allow" for one in asked)
        assert f"aggregate:volumetric:ip:{word}" in labels(asked[-1], "atp") and not any("volumetric" in one for one in labels(asked[9], "atp"))


@pytest.mark.parametrize("body, rule", [(b"u=a&p=b", ""), (b"u=a", "SignalMissingCredential"), (b"p=b&u=", "SignalMissingCredential"), (b"", "SignalMissingCredential")])
def test_a_login_without_a_name_or_a_password_is_blocked(body, rule):
    assert asks(ATP, by(CHROME, "/login", "POST", body), LOGIN).within == rule


def test_the_documented_test_credentials_are_compromised():
    leaked = b"u=WAF_TEST_CREDENTIAL%40wafexample.com&p=WAF_TEST_CREDENTIAL_PASSWORD"
    asked, world = by(CHROME, "/login", "POST", leaked), World()
    assert asks(ATP, asked, LOGIN, world).action == "Allow" and "signal:credential_compromised" in labels(asked, "atp")
    said = [asks(ATP, by(CHROME, "/login", "POST", leaked, token=brought()), LOGIN, world).within for _ in range(2)]
    assert said == ["", "AttributeCompromisedCredentials"]


@pytest.mark.parametrize("body, rule", [(lambda n: f"u=n{n}&p=one", "AttributeUsernameTraversal"), (lambda n: f"u=one&p=p{n}", "AttributePasswordTraversal"), (lambda n: f"u=n{n}&p=p{n}", "")])
def test_a_session_that_tries_many_names_or_passwords_is_blocked(body, rule):
    world = World()
    said = [asks(ATP, by(CHROME, "/login", "POST", body(n).encode(), token=brought(), address=f"10.0.0.{n}"), LOGIN, world).within for n in range(11)]
    assert said == [""] * 10 + [rule]


def test_sessions_are_blocked_for_many_logins_for_a_long_life_and_for_bad_tokens():
    world = World()
    said = [asks(ATP, by(CHROME, "/login", "POST", b"u=a&p=b", token=brought(), address=f"10.0.1.{n}"), LOGIN, world).within for n in range(21)]
    assert said == [""] * 20 + ["VolumetricSession"]
    assert asks(ATP, by(CHROME, "/login", "POST", b"u=a&p=b", token=brought(at=22000, since=1), now=22000), LOGIN).within == "AttributeLongSession"
    assert asks(ATP, by(CHROME, "/login", "POST", b"u=a&p=b", token=token.Token("rejected", "invalid")), LOGIN).within == "TokenRejected"
    assert asks(ATP, by(CHROME, "/auth/v2/in", "POST", b"u=a"), {**LOGIN, "LoginPath": "^/auth/v[12]/in$", "EnableRegexInPath": True}).within == "SignalMissingCredential"


def test_neither_fraud_group_looks_at_user_pools():
    for group, config in ((ATP, LOGIN), (ACFP, SIGN_UP)):
        assert asks(group, by(CHROME, "/login", user_pool=True), config).within == "UnsupportedCognitoIDP"


def joining(name="ann", password="x", phone=("49", "1"), street="Main 1", **more):
    return by(CHROME, "/accounts", "POST", json.dumps({"form": {"name": name, "password": password, "phone": phone, "street": street}}).encode(), **more)


def test_whoever_sees_the_page_to_sign_up_gets_a_token_first():
    html = [("Accept", "text/html,*/*")]
    assert asks(ACFP, by(CHROME, "/join", headers=html), SIGN_UP).action == "Challenge"
    assert asks(ACFP, by(CHROME, "/join", headers=html, token=brought()), SIGN_UP).action == "Allow" == asks(ACFP, by(CHROME, "/other", headers=html), SIGN_UP).action


@pytest.mark.parametrize("make, most, rule, action", [
    (lambda n: joining(f"u{n}", phone=("49", str(n)), street=f"A {n}"), 20, "VolumetricIpHigh", "Captcha"),
    (lambda n: joining(f"u{n}", street=f"A {n}", address=f"10.0.0.{n}"), 10, "VolumetricPhoneNumberHigh", "Block"),
    (lambda n: joining(f"u{n}", phone=("49", str(n)), address=f"10.0.0.{n}"), 50, "VolumetricAddressLow", "Captcha"),
    (lambda n: joining("one", phone=("49", str(n)), street=f"A {n}", token=brought()), 10, "VolumetricSessionHigh", "Block"),
    (lambda n: joining("one", phone=("49", str(n)), street=f"A {n}", token=brought(), address=f"10.0.0.{n}"), 5, "VolumetricSessionTokenReuseIp", "Block")])
def test_accounts_are_not_made_by_the_dozen(make, most, rule, action):
    world = World()
    said = [asks(ACFP, make(n), SIGN_UP, world) for n in range(most + 1)]
    assert [one.within for one in said[:-1]] == [""] * most and (said[-1].within, said[-1].action) == (rule, action)


def test_an_account_is_not_made_with_leaked_credentials_or_by_a_driven_browser():
    assert asks(ACFP, joining("WAF_TEST_CREDENTIAL@wafexample.com", "WAF_TEST_CREDENTIAL_PASSWORD"), SIGN_UP).within == "SignalCredentialCompromised"
    assert asks(ACFP, joining(token=brought(drive="w")), SIGN_UP).within == "AutomatedBrowser"
    assert asks(ACFP, joining(token=brought(agent="other")), SIGN_UP).within == "BrowserInconsistency"


def flood(world, config, address, n, path="/", **more):
    return [asks(DDOS, by(CHROME, path, address=str(ipaddress.ip_address(address)), **more), config, world) for _ in range(n)]


def test_a_minute_far_above_the_hour_before_is_an_event_and_its_greatest_senders_are_blocked():
    config, world = {"ClientSideActionConfig": {"Challenge": {"UsageOfAction": "DISABLED"}}}, World(now=1000.0)
    said = flood(world, config, "10.0.0.1", 201)
    assert {one.action for one in said[:200]} == {"Allow"} and (said[200].action, said[200].within) == ("Block", "DDoSRequests")
    asked = by(CHROME, address="10.0.0.2")
    assert asks(DDOS, asked, config, world).action == "Allow" and labels(asked, "anti-ddos") == {"event-detected"}
    world.now = 1061
    calm = by(CHROME, address="10.0.0.1")
    assert asks(DDOS, calm, config, world).action == "Allow" and not labels(calm, "anti-ddos")


def test_what_is_usual_in_the_hour_is_no_event():
    config, world = {"ClientSideActionConfig": {"Challenge": {"UsageOfAction": "DISABLED"}}}, World()
    for minute in range(10):
        world.now = minute * 60.0
        flood(world, config, "10.0.0.1", 150)
    world.now = 660.0
    assert {one.action for one in flood(world, config, "10.0.0.1", 250)} == {"Allow"}       # ten times the 25 a minute of the hour before
    assert flood(world, config, "10.0.0.1", 10)[-1].action == "Block"


def test_an_event_challenges_whom_the_application_lets_be_challenged():
    challenge = {"UsageOfAction": "ENABLED", "ExemptUriRegularExpressions": [{"RegexString": r"^shop\.example\.com/api/"}]}
    config, world = {"ClientSideActionConfig": {"Challenge": challenge}, "SensitivityToBlock": "HIGH"}, World(now=5.0)
    flood(world, config, "10.0.0.1", 201)
    page, api = by(CHROME, "/shop", address="10.0.0.9"), by(CHROME, "//api/./x", address="10.0.0.9")
    assert asks(DDOS, page, config, world).within == "ChallengeAllDuringEvent" and "challengeable-request" in labels(page, "anti-ddos")
    assert asks(DDOS, api, config, world).action == "Allow" and "challengeable-request" not in labels(api, "anti-ddos")
    assert asks(DDOS, by(CHROME, "/api/x", address="10.0.0.1"), config, world).within == "DDoSRequests"
    assert asks(DDOS, by(CHROME, "/shop", address="10.0.0.9", token=brought(at=5.0), now=5.0), config, world).action == "Allow"


@pytest.mark.parametrize("name, rules", [(BOTS, 36), (ATP, 11), (ACFP, 16), (DDOS, 3)])
def test_every_rule_has_a_name_an_action_and_its_own_label(name, rules):
    one = managed.group(name)
    assert len(one["Rules"]) == rules == len({rule["Name"] for rule in one["Rules"]}) and one["Capacity"] == managed.cost(name) == 50
    assert all({"Name": rule["Name"]} in rule["RuleLabels"] for rule in one["Rules"])


@pytest.mark.parametrize("how, status, headers, body, wanted", [
    ({"StatusCode": {"SuccessCodes": [200], "FailureCodes": [401]}}, 200, [], b"", True), ({"StatusCode": {"SuccessCodes": [200], "FailureCodes": [401]}}, 500, [], b"", None),
    ({"Header": {"Name": "X-Login", "SuccessValues": ["ok"], "FailureValues": ["no"]}}, 200, [("x-login", "no")], b"", False),
    ({"BodyContains": {"SuccessStrings": ["Welcome"], "FailureStrings": ["wrong"]}}, 200, [], b"<p>Welcome back", True),
    ({"Json": {"Identifier": "/a/ok", "SuccessValues": ["True"], "FailureValues": ["False"]}}, 200, [], b'{"a": {"ok": false}}', False),
    ({"Json": {"Identifier": "/ok", "SuccessValues": ["True"], "FailureValues": ["False"]}}, 200, [], b"no json", None)])
def test_what_an_application_answered_is_read_as_it_says(how, status, headers, body, wanted):
    assert fraud.succeeded(how, status, headers, body) is wanted
