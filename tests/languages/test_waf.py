"""Web ACLs asked about requests: statements, transformations, groups, labels, rates."""
import ipaddress
import time

import pytest

from cloche.languages.waf import Asked, capacity, decide, detect, managed, transform
from cloche.languages.waf.rates import Rates

NONE = [{"Priority": 0, "Type": "NONE"}]
BODY = {"Body": {}}


class World:
    def __init__(self, now=0.0, **sets):
        self.sets, self.rates, self.now = sets, Rates(), now

    def addresses(self, arn):
        return [ipaddress.ip_network(one) for one in self.sets[arn]]

    def patterns(self, arn):
        return self.sets[arn]

    def group(self, arn):
        return self.sets.get(arn)

    def managed(self, vendor, name):
        return managed.group(name)

    def count(self, rule, key, window):
        return self.rates.count(rule, key, self.now, window)

    def seen(self, rule, key, window):
        return self.rates.seen(rule, key, self.now, window)

    def different(self, rule, key, value, window):
        return self.rates.different(rule, key, value, self.now, window)


def get(path="/", query="", headers=(), body=b"", method="GET", **more):
    return Asked(method, path, query, list(headers), body, **more)


def acl(*rules, default="Allow"):
    return {"Name": "a", "LabelPrefix": "awswaf:1:webacl:a:", "DefaultAction": {default: {}}, "Rules": [{"Name": f"r{i}", "Priority": i, "Action": {"Block": {}}} | one for i, one in enumerate(rules)]}


def blocked(statement, asked, world=None):
    return decide(acl({"Statement": statement}), asked, world or World()).action == "Block"


def contains(text, field, steps=NONE, where="CONTAINS"):
    return {"ByteMatchStatement": {"SearchString": text, "FieldToMatch": field, "TextTransformations": steps, "PositionalConstraint": where}}


@pytest.mark.parametrize("step, value, wanted", [
    ("URL_DECODE", b"%3Cscript%3e+x", b"<script> x"), ("URL_DECODE", b"100%", b"100%"), ("URL_DECODE_UNI", b"%u0041%uFF1c", b"A<"), ("LOWERCASE", b"ABC", b"abc"),
    ("HTML_ENTITY_DECODE", b"&lt;b&gt;&#x41;&#66;&amp;", b"<b>AB&"), ("COMPRESS_WHITE_SPACE", b"a \t\r\n b", b"a b"), ("CMD_LINE", b'C^a"t  /etc,passwd;x (', b"cat/etc passwd x("),
    ("BASE64_DECODE", b"aGVsbG8=", b"hello"), ("BASE64_DECODE", b"aGVsbG8", b"hello"), ("BASE64_DECODE", b"not base64!", b"not base64!"), ("BASE64_DECODE_EXT", b"aGV!sbG8", b"hello"),
    ("NORMALIZE_PATH", b"/a/./b/../c//d", b"/a/c/d"), ("NORMALIZE_PATH", b"/a/../../etc", b"/etc"), ("NORMALIZE_PATH", b"/", b"/"), ("NORMALIZE_PATH_WIN", b"\\a\\..\\b", b"/b"),
    ("REMOVE_NULLS", b"a\0b", b"ab"), ("REPLACE_NULLS", b"a\0b", b"a b"), ("HEX_DECODE", b"414243", b"ABC"), ("SQL_HEX_DECODE", b"x=0x414243", b"x=ABC"), ("REPLACE_COMMENTS", b"a/* x */b/*", b"a b "),
    ("ESCAPE_SEQ_DECODE", b"\\x41\\n\\102", b"A\nB"), ("CSS_DECODE", b"ja\\76 ascript\\:", b"javascript:"), ("JS_DECODE", b"\\u0041\\'", b"A'"), ("UTF8_TO_UNICODE", "é".encode(), b"%u00e9"),
    ("MD5", b"", bytes.fromhex("d41d8cd98f00b204e9800998ecf8427e")), ("REMOVE_WHITESPACE", b"a b\tc", b"abc"), ("TRIM", b" a ", b"a"), ("NONE", b"x", b"x"),
])
def test_transformations(step, value, wanted):
    assert transform.BY_NAME[step](value) == wanted


def test_transformations_run_in_the_order_of_their_priority():
    steps = [{"Priority": 2, "Type": "LOWERCASE"}, {"Priority": 0, "Type": "BASE64_DECODE"}, {"Priority": 1, "Type": "URL_DECODE"}]
    assert transform.run(steps, b"JTNDU0NSSVBUJTNF") == b"<script>"


@pytest.mark.parametrize("text", [
    "' OR 1=1 --", "1' or '1'='1", "1 UNION SELECT user, password FROM users", "1; DROP TABLE users", "admin'--", "1 or sleep(5)", "x') or ('a'='a", "1/**/union/**/all/**/select 1", "1 and 7=7",
    "'; waitfor delay '0:0:5'", '" or ""="'])
def test_sql_injection_is_found(text):
    assert detect.sqli(text.encode())


@pytest.mark.parametrize("text", ["hello world", "O'Brien", "select a colour", "rock and roll", "1+1=2", "it's ok", "union of select committees", "a=b&c=d", "user@example.com", "drop me a line; thanks"])
def test_harmless_text_is_no_sql_injection(text):
    assert not detect.sqli(text.encode())


def test_high_sensitivity_takes_fragments():
    assert detect.sqli(b"select name from users", "HIGH") and not detect.sqli(b"select name from users")


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>", "javascript:alert(1)", '" onmouseover="alert(1)', "<iframe src=//x>", "<SCRIPT >"])
def test_scripting_is_found(text):
    assert detect.xss(text.encode())


@pytest.mark.parametrize("text", ["a < b and c > d", "description", "on monday = fine", "<3", "<b>bold</b>", "script"])
def test_harmless_text_is_no_scripting(text):
    assert not detect.xss(text.encode())


@pytest.mark.parametrize("part", ["<", "< ", "<a ", "<a/on", "' or ", "' ", "'", "or ", "union ", "union/*", "select ", "/*", "java ", "--", "; ", "on", "${", "&#", "%u", "\\", "../", " "])
def test_no_text_makes_the_detectors_think_long(part):
    value = {"start": (part + " " * 16384).encode()[:16384], "many": (part * 16384)[:16384].encode()}
    for text in value.values():
        began = time.process_time()
        detect.sqli(text, "HIGH"), detect.xss(text)
        for step in transform.BY_NAME.values():
            step(text)
        assert time.process_time() - began < 0.5, text[:20]


COOKIES = [("Cookie", "a=1; b=evil")]


@pytest.mark.parametrize("field, asked, wanted", [
    ({"UriPath": {}}, get("/evil/x"), True), ({"QueryString": {}}, get(query="a=evil"), True), ({"Method": {}}, get(method="evil"), True), ({"UriPath": {}}, get(query="evil"), False),
    ({"SingleHeader": {"Name": "x-one"}}, get(headers=[("X-One", "evil")]), True), ({"SingleHeader": {"Name": "x-two"}}, get(headers=[("X-One", "evil")]), False),
    ({"SingleQueryArgument": {"Name": "Q"}}, get(query="p=1&q=evil"), True), ({"SingleQueryArgument": {"Name": "p"}}, get(query="p=1&q=evil"), False), ({"AllQueryArguments": {}}, get(query="p=1&q=evil"), True),
    ({"Body": {}}, get(body=b"evil"), True),
    ({"Cookies": {"MatchPattern": {"All": {}}, "MatchScope": "VALUE"}}, get(headers=COOKIES), True), ({"Cookies": {"MatchPattern": {"IncludedCookies": ["a"]}, "MatchScope": "ALL"}}, get(headers=COOKIES), False),
    ({"Cookies": {"MatchPattern": {"ExcludedCookies": ["a"]}, "MatchScope": "ALL"}}, get(headers=COOKIES), True), ({"Cookies": {"MatchPattern": {"All": {}}, "MatchScope": "KEY"}}, get(headers=COOKIES), False),
    ({"Headers": {"MatchPattern": {"IncludedHeaders": ["X-A"]}, "MatchScope": "VALUE"}}, get(headers=[("x-a", "evil")]), True), ({"Headers": {"MatchPattern": {"ExcludedHeaders": ["X-A"]}, "MatchScope": "ALL"}}, get(headers=[("x-a", "evil")]), False),
    ({"JsonBody": {"MatchPattern": {"All": {}}, "MatchScope": "VALUE"}}, get(body=b'{"a": [{"b": "evil"}]}'), True), ({"JsonBody": {"MatchPattern": {"All": {}}, "MatchScope": "KEY"}}, get(body=b'{"a": "evil"}'), False),
    ({"JsonBody": {"MatchPattern": {"IncludedPaths": ["/a/0/b"]}, "MatchScope": "VALUE"}}, get(body=b'{"a": [{"b": "evil"}]}'), True),
    ({"JsonBody": {"MatchPattern": {"IncludedPaths": ["/x"]}, "MatchScope": "ALL"}}, get(body=b'{"a": "evil", "x": 1}'), False),
    ({"JsonBody": {"MatchPattern": {"All": {}}, "MatchScope": "ALL", "InvalidFallbackBehavior": "EVALUATE_AS_STRING"}}, get(body=b"{evil"), True),
    ({"JsonBody": {"MatchPattern": {"All": {}}, "MatchScope": "ALL", "InvalidFallbackBehavior": "NO_MATCH"}}, get(body=b"{evil"), False),
    ({"JsonBody": {"MatchPattern": {"All": {}}, "MatchScope": "ALL", "InvalidFallbackBehavior": "MATCH"}}, get(body=b"{fine"), True),
])
def test_what_a_statement_looks_at(field, asked, wanted):
    assert blocked(contains(b"evil", field), asked) is wanted


@pytest.mark.parametrize("where, value, wanted", [
    ("EXACTLY", b"bot", True), ("EXACTLY", b"bots", False), ("STARTS_WITH", b"bots", True), ("STARTS_WITH", b"a bot", False), ("ENDS_WITH", b"a bot", True), ("CONTAINS", b"robots", True),
    ("CONTAINS_WORD", b"robots", False), ("CONTAINS_WORD", b"a-bot!", True), ("CONTAINS_WORD", b"bot_1", False)])
def test_positions_of_a_byte_match(where, value, wanted):
    assert blocked(contains(b"bot", BODY, where=where), get(body=value)) is wanted


@pytest.mark.parametrize("handling, wanted", [("MATCH", True), ("NO_MATCH", False), ("CONTINUE", False), (None, False)])
def test_a_body_too_long_is_what_its_oversize_handling_says(handling, wanted):
    field = {"Body": {"OversizeHandling": handling} if handling else {}}
    assert blocked(contains(b"evil", field), get(body=b"x" * 8192, longer=True)) is wanted
    assert blocked(contains(b"xx", {"Body": {"OversizeHandling": "CONTINUE"}}), get(body=b"x" * 8192, longer=True))


def test_and_or_not_size_regex_and_sets():
    one, two = contains(b"a", BODY), contains(b"b", BODY)
    assert blocked({"AndStatement": {"Statements": [one, two]}}, get(body=b"ab")) and not blocked({"AndStatement": {"Statements": [one, two]}}, get(body=b"a"))
    assert blocked({"OrStatement": {"Statements": [one, two]}}, get(body=b"b")) and blocked({"NotStatement": {"Statement": one}}, get(body=b"b"))
    assert blocked({"SizeConstraintStatement": {"FieldToMatch": BODY, "ComparisonOperator": "GE", "Size": 3, "TextTransformations": NONE}}, get(body=b"abc"))
    assert blocked({"RegexMatchStatement": {"FieldToMatch": BODY, "RegexString": r"^\d+$", "TextTransformations": NONE}}, get(body=b"123"))
    world = World(p=["^x", "z$"], i=["10.0.0.0/8", "2001:db8::/32"])
    pattern = {"RegexPatternSetReferenceStatement": {"ARN": "p", "FieldToMatch": BODY, "TextTransformations": NONE}}
    assert blocked(pattern, get(body=b"abz"), world) and not blocked(pattern, get(body=b"abc"), world)
    assert blocked({"IPSetReferenceStatement": {"ARN": "i"}}, get(address="10.1.2.3"), world) and not blocked({"IPSetReferenceStatement": {"ARN": "i"}}, get(address="11.1.2.3"), world)
    assert blocked({"IPSetReferenceStatement": {"ARN": "i"}}, get(address="2001:db8::1"), world)
    assert not blocked({"GeoMatchStatement": {"CountryCodes": ["DE"]}}, get())


@pytest.mark.parametrize("position, header, wanted", [("FIRST", "10.0.0.1, 1.1.1.1", True), ("LAST", "10.0.0.1, 1.1.1.1", False), ("ANY", "1.1.1.1, 10.0.0.1", True), ("FIRST", "rubbish", True)])
def test_an_address_may_come_from_a_header(position, header, wanted):
    statement = {"IPSetReferenceStatement": {"ARN": "i", "IPSetForwardedIPConfig": {"HeaderName": "X-Forwarded-For", "FallbackBehavior": "MATCH", "Position": position}}}
    assert blocked(statement, get(headers=[("x-forwarded-for", header)]), World(i=["10.0.0.0/8"])) is wanted
    assert not blocked(statement, get(address="10.0.0.1"), World(i=["10.0.0.0/8"]))


def test_the_first_rule_that_allows_or_blocks_ends_it_and_counting_goes_on():
    rules = [{"Statement": contains(b"a", BODY), "Action": {"Count": {}}, "Priority": 5}, {"Statement": contains(b"a", BODY), "Action": {"Allow": {}}, "Priority": 7}, {"Statement": contains(b"b", BODY), "Priority": 6}]
    said = decide(acl(*rules), get(body=b"a"), World())
    assert (said.action, said.rule, said.counted) == ("Allow", "r1", ["r0"])
    assert decide(acl(*rules), get(body=b"ab"), World()).rule == "r2"
    nothing = decide(acl(*rules, default="Block"), get(body=b"c"), World())
    assert (nothing.action, nothing.rule) == ("Block", "Default_Action")


def test_labels_are_seen_by_later_rules_only():
    label = {"Statement": contains(b"a", BODY), "Action": {"Count": {}}, "RuleLabels": [{"Name": "ns:seen"}]}
    for scope, key, wanted in (("LABEL", "ns:seen", "Block"), ("LABEL", "awswaf:1:webacl:a:ns:seen", "Block"), ("NAMESPACE", "ns:", "Block"), ("LABEL", "seen", "Allow"), ("LABEL", "awswaf:2:webacl:a:ns:seen", "Allow")):
        asks = {"Statement": {"LabelMatchStatement": {"Scope": scope, "Key": key}}}
        assert decide(acl(label, asks), get(body=b"a"), World()).action == wanted, (scope, key)
        assert decide(acl(asks, label), get(body=b"a"), World()).action == "Allow"


def test_a_rate_rule_blocks_above_its_limit_within_its_window_by_address():
    world = World()
    rule = {"RateBasedStatement": {"Limit": 10, "AggregateKeyType": "IP", "EvaluationWindowSec": 60, "ScopeDownStatement": contains(b"/login", {"UriPath": {}}, where="STARTS_WITH")}}
    assert not any(blocked(rule, get("/login"), world) for _ in range(10))
    assert blocked(rule, get("/login"), world) and not blocked(rule, get("/other"), world) and not blocked(rule, get("/login", address="9.9.9.9"), world)
    world.now = 59
    assert blocked(rule, get("/login"), world)
    world.now = 61
    assert not blocked(rule, get("/login"), world)


def test_a_rate_rule_may_count_by_keys_of_the_request():
    world, rule = World(), {"RateBasedStatement": {"Limit": 1, "AggregateKeyType": "CUSTOM_KEYS", "CustomKeys": [{"Header": {"Name": "x-user", "TextTransformations": NONE}}, {"HTTPMethod": {}}]}}
    def asked(user, method="GET"):
        return get(method=method, headers=[("X-User", user)])
    assert [blocked(rule, one, world) for one in (asked("a"), asked("b"), asked("a", "PUT"), asked("a"), get(), get())] == [False, False, False, True, False, False]


def test_a_group_counts_as_one_rule_and_may_be_overridden():
    world = World(g={"LabelPrefix": "awswaf:1:rulegroup:g:", "Rules": [
        {"Name": "in", "Priority": 0, "Statement": contains(b"a", BODY), "Action": {"Block": {}}, "RuleLabels": [{"Name": "hit"}]}, {"Name": "out", "Priority": 1, "Statement": contains(b"b", BODY), "Action": {"Allow": {}}}]})
    def run(body, override="None", **more):
        rule = {"Name": "g", "Priority": 0, "OverrideAction": {override: {}}, "Statement": {"RuleGroupReferenceStatement": {"ARN": "g", **more}}}
        later = {"Name": "later", "Priority": 1, "Action": {"Block": {}}, "Statement": {"LabelMatchStatement": {"Scope": "LABEL", "Key": "awswaf:1:rulegroup:g:hit"}}}
        said = decide({**acl(), "Rules": [rule, later]}, get(body=body), world)
        return said.action, said.rule, said.within
    assert run(b"a") == ("Block", "g", "in") and run(b"b") == ("Allow", "g", "out") and run(b"c") == ("Allow", "Default_Action", "")
    assert run(b"a", "Count") == ("Block", "later", "") and run(b"b", "Count") == ("Allow", "Default_Action", "")
    assert run(b"a", ExcludedRules=[{"Name": "in"}]) == ("Block", "later", "")
    assert run(b"a", RuleActionOverrides=[{"Name": "in", "ActionToUse": {"Allow": {}}}]) == ("Allow", "g", "in")


UA = [("User-Agent", "Mozilla/5.0")]


@pytest.mark.parametrize("group, asked, rule", [
    ("CommonRuleSet", get(), "NoUserAgent_HEADER"), ("CommonRuleSet", get(headers=[("User-Agent", "sqlmap/1.0")]), "UserAgent_BadBots_HEADER"), ("CommonRuleSet", get(headers=UA), ""),
    ("CommonRuleSet", get(headers=UA, query="q=" + "x" * 2047), "SizeRestrictions_QUERYSTRING"), ("CommonRuleSet", get(headers=UA, body=b"x" * 8192, longer=True), "SizeRestrictions_BODY"),
    ("CommonRuleSet", get(headers=UA, query="u=http://169.254.169.254/latest/meta-data/"), "EC2MetaDataSSRF_QUERYARGUMENTS"), ("CommonRuleSet", get(headers=UA, query="f=..%2f..%2fetc/passwd"), "GenericLFI_QUERYARGUMENTS"),
    ("CommonRuleSet", get("/app.log", headers=UA), "RestrictedExtensions_URIPATH"), ("CommonRuleSet", get(headers=UA, query="x=%3Cscript%3Ealert(1)"), "CrossSiteScripting_QUERYARGUMENTS"),
    ("CommonRuleSet", get(headers=UA, body=b"<img src=x onerror=alert(1)>"), "CrossSiteScripting_BODY"),
    ("KnownBadInputsRuleSet", get(headers=[("X-A", "${jndi:ldap://x/a}")]), "Log4JRCE_HEADER"), ("KnownBadInputsRuleSet", get(headers=[("X-A", "${${lower:j}ndi:ldap://x}")]), "Log4JRCE_HEADER"),
    ("KnownBadInputsRuleSet", get(headers=[("Host", "localhost:80")]), "Host_localhost_HEADER"), ("KnownBadInputsRuleSet", get(headers=UA), ""),
    ("SQLiRuleSet", get(query="id=1%27%20or%20%271%27%3D%271"), "SQLi_QUERYARGUMENTS"), ("SQLiRuleSet", get(body=b"id=1;drop table x"), "SQLi_BODY"), ("SQLiRuleSet", get(query="id=1"), ""),
    ("LinuxRuleSet", get("/proc/version"), "LFI_URIPATH"), ("UnixRuleSet", get(query="a=;cat%20x"), "UNIXShellCommandsVariables_QUERYSTRING"), ("WindowsRuleSet", get(query="a=powershell"), "WindowsShellCommands_QUERYARGUMENTS"),
    ("PHPRuleSet", get(body=b"eval($x)"), "PHPHighRiskMethodsVariables_BODY"), ("WordPressRuleSet", get("/xmlrpc.php"), "WordPressExploitablePaths_URIPATH"),
    ("AdminProtectionRuleSet", get("/wp-admin/"), "AdminProtection_URIPATH"), ("AmazonIpReputationList", get(), ""), ("AnonymousIpList", get(), ""),
])
def test_managed_groups_block_what_they_are_for(group, asked, rule):
    one = {"Name": "m", "Priority": 0, "OverrideAction": {"None": {}}, "Statement": {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": "AWSManagedRules" + group}}}
    assert decide({**acl(), "Rules": [one]}, asked, World()).within == rule


def test_a_managed_rule_leaves_its_documented_label():
    assert managed.label("NoUserAgent_HEADER") == "NoUserAgent_Header" and managed.group("AWSManagedRulesCommonRuleSet")["LabelPrefix"] == "awswaf:managed:aws:core-rule-set:"


@pytest.mark.parametrize("statement, wanted", [
    (contains(b"a", BODY), 10), (contains(b"a", BODY, where="EXACTLY"), 2), (contains(b"a", {"AllQueryArguments": {}}, [{"Priority": 0, "Type": "LOWERCASE"}]), 30),
    ({"GeoMatchStatement": {"CountryCodes": ["DE"]}}, 1), ({"RateBasedStatement": {"Limit": 100, "AggregateKeyType": "IP"}}, 2), ({"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": "AWSManagedRulesCommonRuleSet"}}, 700)])
def test_what_a_statement_costs(statement, wanted):
    assert capacity.statement(statement, lambda arn: 0, managed.cost) == wanted
