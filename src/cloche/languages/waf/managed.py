"""AWS's managed rule groups of the common lists: their documented rules by name, label and capacity; what each looks for is written here, AWS's own patterns are not published.

The address lists (reputation, anonymous) are Amazon's own intelligence: their rules are here by name and no address is on them. The groups against threats
(bots, taken-over and fraudulent accounts, floods) look at more than one request and stand in rooms of their own.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from . import bots, floods, fraud, threats

DECODED = [{"Priority": 0, "Type": "URL_DECODE_UNI"}, {"Priority": 1, "Type": "HTML_ENTITY_DECODE"}]
LOWER = [*DECODED, {"Priority": 2, "Type": "LOWERCASE"}]
PLAIN = [{"Priority": 0, "Type": "NONE"}]
URI: dict[str, Any] = {"UriPath": {}}
QUERY: dict[str, Any] = {"QueryString": {}}
ARGUMENTS: dict[str, Any] = {"AllQueryArguments": {}}
BODY: dict[str, Any] = {"Body": {"OversizeHandling": "CONTINUE"}}
COOKIE: dict[str, Any] = {"Cookies": {"MatchPattern": {"All": {}}, "MatchScope": "ALL", "OversizeHandling": "CONTINUE"}}
HEADERS: dict[str, Any] = {"Headers": {"MatchPattern": {"All": {}}, "MatchScope": "ALL", "OversizeHandling": "CONTINUE"}}


def header(name: str) -> dict[str, Any]:
    return {"SingleHeader": {"Name": name}}


def like(field: dict[str, Any], pattern: str, steps: list[Any] = LOWER) -> dict[str, Any]:
    return {"RegexMatchStatement": {"RegexString": pattern, "FieldToMatch": field, "TextTransformations": steps}}


def longer(field: dict[str, Any], size: int) -> dict[str, Any]:
    return {"SizeConstraintStatement": {"FieldToMatch": field, "ComparisonOperator": "GT", "Size": size, "TextTransformations": PLAIN}}


def xss(field: dict[str, Any]) -> dict[str, Any]:
    return {"XssMatchStatement": {"FieldToMatch": field, "TextTransformations": DECODED}}


def sqli(field: dict[str, Any], level: str = "LOW") -> dict[str, Any]:
    return {"SqliMatchStatement": {"FieldToMatch": field, "TextTransformations": DECODED, "SensitivityLevel": level}}


def without(field: dict[str, Any]) -> dict[str, Any]:
    return {"NotStatement": {"Statement": {"SizeConstraintStatement": {"FieldToMatch": field, "ComparisonOperator": "GE", "Size": 1, "TextTransformations": PLAIN}}}}


def either(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"OrStatement": {"Statements": list(statements)}}


NOBODY = {"NotStatement": {"Statement": {"SizeConstraintStatement": {"FieldToMatch": {"Method": {}}, "ComparisonOperator": "GE", "Size": 0, "TextTransformations": PLAIN}}}}
BAD_BOTS = r"nessus|nmap|sqlmap|nikto|w3af|acunetix|zgrab|masscan|dirbuster|havij|grabber|openvas"
LFI = r"\.\./|\.\.\\|/etc/(?:passwd|shadow|group|hosts)|/proc/self/"
RFI = r"^(?:https?|ftps?|file)://(?:\d{1,3}\.){3}\d{1,3}"
RESTRICTED = r"\.(?:log|ini|bak|old|conf|config|sql|env|git|swp|key|pem)$|/\.(?:git|svn|env|ht)"
METADATA = r"169\.254\.169\.254|fd00:ec2::254|/latest/(?:meta-data|user-data|dynamic/)"
LOG4J = r"\$\{jndi:|\$\{[^\s]{0,60}\$\{"
JAVA = r"(?:java\.lang\.)?(?:runtime|processbuilder)\b.{0,60}(?:exec|start|\()|ac[ -]?ed0005|ro0abx|class\.module\.classloader"
LINUX_FILES = r"/etc/(?:passwd|shadow|group|hosts|issue|crontab|ssh)|/proc/(?:version|self|cpuinfo|\d+)|/\.bash_history|/var/log/|/root/\."
SHELL = r"(?:[;|`&]|\$\()\s*(?:cat|ls|id|wget|curl|nc|bash|sh|whoami|uname|ping|echo|rm|chmod)\b|/bin/(?:ba|c|z|k)?sh\b"
WIN_SHELL = r"powershell|cmd(?:\.exe)?\s*/[ck]|\b(?:certutil|bitsadmin|wscript|cscript)\b|[|&]\s*(?:dir|type|net|whoami)\b"
POWERSHELL = r"invoke-(?:expression|webrequest|command)|\biex\s*\(|downloadstring|-encodedcommand|get-(?:childitem|content|process)"
PHP = r"\b(?:fsockopen|system|exec|passthru|shell_exec|popen|proc_open|eval|assert|base64_decode|phpinfo)\s*\(|\$_(?:get|post|request|server|cookie)\b|php://(?:input|filter)"
ADMIN = r"/(?:wp-admin|sqlmanager|phpmyadmin|phpmanager|admin(?:istrator)?|manager/html|adminer|pma)(?:/|$|\.)"

Rules = Callable[[], Iterable[tuple[str, dict[str, Any]]]]


def _common() -> Iterable[tuple[str, dict[str, Any]]]:
    agent = header("user-agent")
    yield "NoUserAgent_HEADER", without(agent)
    yield "UserAgent_BadBots_HEADER", like(agent, BAD_BOTS)
    yield from (("SizeRestrictions_QUERYSTRING", longer(QUERY, 2048)), ("SizeRestrictions_Cookie_HEADER", longer(header("cookie"), 10240)),
                ("SizeRestrictions_BODY", {"SizeConstraintStatement": {"FieldToMatch": {"Body": {"OversizeHandling": "MATCH"}}, "ComparisonOperator": "GT", "Size": 8192, "TextTransformations": PLAIN}}),
                ("SizeRestrictions_URIPATH", longer(URI, 1024)))
    yield from (("EC2MetaDataSSRF_BODY", like(BODY, METADATA)), ("EC2MetaDataSSRF_COOKIE", like(COOKIE, METADATA)), ("EC2MetaDataSSRF_URIPATH", like(URI, METADATA)),
                ("EC2MetaDataSSRF_QUERYARGUMENTS", like(ARGUMENTS, METADATA)))
    yield from (("GenericLFI_QUERYARGUMENTS", like(ARGUMENTS, LFI)), ("GenericLFI_URIPATH", like(URI, LFI)), ("GenericLFI_BODY", like(BODY, LFI)))
    yield from (("RestrictedExtensions_URIPATH", like(URI, RESTRICTED)), ("RestrictedExtensions_QUERYARGUMENTS", like(ARGUMENTS, RESTRICTED)))
    yield from (("GenericRFI_QUERYARGUMENTS", like(ARGUMENTS, RFI)), ("GenericRFI_BODY", like(BODY, r"=(?:https?|ftps?|file)://(?:\d{1,3}\.){3}\d{1,3}")), ("GenericRFI_URIPATH", like(URI, r"(?:https?|ftps?|file)://(?:\d{1,3}\.){3}\d")))
    yield from (("CrossSiteScripting_COOKIE", xss(COOKIE)), ("CrossSiteScripting_QUERYARGUMENTS", xss(ARGUMENTS)), ("CrossSiteScripting_BODY", xss(BODY)), ("CrossSiteScripting_URIPATH", xss(URI)))


def _bad_inputs() -> Iterable[tuple[str, dict[str, Any]]]:
    yield from ((f"JavaDeserializationRCE_{place}", like(field, JAVA)) for place, field in (("HEADER", HEADERS), ("BODY", BODY), ("URIPATH", URI), ("QUERYSTRING", QUERY)))
    yield "Host_localhost_HEADER", like(header("host"), r"^localhost(?:$|:)")
    yield "PROPFIND_METHOD", like({"Method": {}}, "^propfind$")
    yield "ExploitablePaths_URIPATH", like(URI, r"/web-inf/|/\.git/|/actuator/(?:gateway|heapdump|env)|/cgi-bin/\.|/_ignition/|/vendor/phpunit/")
    yield from ((f"Log4JRCE_{place}", like(field, LOG4J)) for place, field in (("QUERYSTRING", QUERY), ("BODY", BODY), ("URIPATH", URI), ("HEADER", HEADERS)))


def _sql() -> Iterable[tuple[str, dict[str, Any]]]:
    yield from (("SQLi_QUERYARGUMENTS", sqli(ARGUMENTS)), ("SQLiExtendedPatterns_QUERYARGUMENTS", like(ARGUMENTS, r"\bunion\b.{0,20}\bselect\b|\bwaitfor\s+delay\b|/\*!\d{5}")), ("SQLi_BODY", sqli(BODY)),
                ("SQLiExtendedPatterns_BODY", like(BODY, r"\bunion\b.{0,20}\bselect\b|\bwaitfor\s+delay\b|/\*!\d{5}")), ("SQLi_COOKIE", sqli(COOKIE)), ("SQLi_URIPATH", sqli(URI)))


def _linux() -> Iterable[tuple[str, dict[str, Any]]]:
    return ((f"LFI_{place}", like(field, LINUX_FILES)) for place, field in (("URIPATH", URI), ("QUERYSTRING", QUERY), ("HEADER", HEADERS)))


def _unix() -> Iterable[tuple[str, dict[str, Any]]]:
    return ((f"UNIXShellCommandsVariables_{place}", like(field, SHELL)) for place, field in (("QUERYSTRING", QUERY), ("BODY", BODY), ("HEADER", HEADERS)))


def _windows() -> Iterable[tuple[str, dict[str, Any]]]:
    places = (("COOKIE", COOKIE), ("QUERYARGUMENTS", ARGUMENTS), ("BODY", BODY))
    yield from ((f"WindowsShellCommands_{place}", like(field, WIN_SHELL)) for place, field in places)
    yield from ((f"PowerShellCommands_{place}", like(field, POWERSHELL)) for place, field in places)


def _php() -> Iterable[tuple[str, dict[str, Any]]]:
    return ((f"PHPHighRiskMethodsVariables_{place}", like(field, PHP)) for place, field in (("HEADER", HEADERS), ("QUERYSTRING", QUERY), ("BODY", BODY)))


def _wordpress() -> Iterable[tuple[str, dict[str, Any]]]:
    yield "WordPressExploitableCommands_QUERYSTRING", like(QUERY, r"do-reset-wordpress|action=(?:revslider_show_image|duplicator_download)")
    yield "WordPressExploitablePaths_URIPATH", like(URI, r"/xmlrpc\.php|/wp-config\.php|/timthumb\.php")


# name -> (capacity, label, description, versions, rules)
GROUPS: dict[str, tuple[int, str, str, Rules]] = {
    "AWSManagedRulesCommonRuleSet": (700, "core-rule-set", "Contains rules that are generally applicable to web applications. This provides protection against exploitation of a wide range of vulnerabilities, including those described in OWASP publications.", _common),
    "AWSManagedRulesAdminProtectionRuleSet": (100, "admin-protection", "Contains rules that allow you to block external access to exposed admin pages.", lambda: [("AdminProtection_URIPATH", like(URI, ADMIN))]),
    "AWSManagedRulesKnownBadInputsRuleSet": (200, "known-bad-inputs", "Contains rules that allow you to block request patterns that are known to be invalid and are associated with exploitation or discovery of vulnerabilities.", _bad_inputs),
    "AWSManagedRulesSQLiRuleSet": (200, "sql-database", "Contains rules that allow you to block request patterns associated with exploitation of SQL databases, like SQL injection attacks.", _sql),
    "AWSManagedRulesLinuxRuleSet": (200, "linux-os", "Contains rules that block request patterns associated with exploitation of vulnerabilities specific to Linux, including LFI attacks.", _linux),
    "AWSManagedRulesUnixRuleSet": (100, "posix-os", "Contains rules that block request patterns associated with exploiting vulnerabilities specific to POSIX/POSIX-like OS, including LFI attacks.", _unix),
    "AWSManagedRulesWindowsRuleSet": (200, "windows-os", "Contains rules that block request patterns associated with exploiting vulnerabilities specific to Windows.", _windows),
    "AWSManagedRulesPHPRuleSet": (100, "php-app", "Contains rules that block request patterns associated with exploiting vulnerabilities specific to the use of the PHP.", _php),
    "AWSManagedRulesWordPressRuleSet": (100, "wordpress-app", "Contains rules that block request patterns associated with the exploitation of vulnerabilities specific to WordPress sites.", _wordpress),
    "AWSManagedRulesAmazonIpReputationList": (25, "amazon-ip-list", "Contains rules that are based on Amazon threat intelligence. This is useful if you would like to block sources associated with bots or other threats.",
                                              lambda: [("AWSManagedIPReputationList", NOBODY), ("AWSManagedReconnaissanceList", NOBODY), ("AWSManagedIPDDoSList", NOBODY)]),
    "AWSManagedRulesAnonymousIpList": (50, "anonymous-ip-list", "Contains rules that allow you to block requests from services that allow obfuscation of viewer identity.",
                                       lambda: [("AnonymousIPList", NOBODY), ("HostingProviderIPList", NOBODY)]),
}
COUNTS = ("AWSManagedIPDDoSList",)   # rules whose own action is Count
# labels drop a rule's place only in case: NoUserAgent_HEADER -> NoUserAgent_Header
PLACES = {"HEADER": "Header", "QUERYSTRING": "QueryString", "BODY": "Body", "URIPATH": "URIPath", "QUERYARGUMENTS": "QueryArguments", "COOKIE": "Cookie", "METHOD": "Method"}


def label(rule: str) -> str:
    head, _, place = rule.rpartition("_")
    return f"{head}_{PLACES[place]}" if place in PLACES else rule


THREATS: dict[str, threats.Group] = {
    "AWSManagedRulesBotControlRuleSet": bots.GROUP, "AWSManagedRulesATPRuleSet": fraud.TAKEOVER, "AWSManagedRulesACFPRuleSet": fraud.CREATION, "AWSManagedRulesAntiDDoSRuleSet": floods.GROUP,
}
THREATS_COST = 50                     # each of them
NOT_FOR_USER_POOLS = ("AWSManagedRulesATPRuleSet", "AWSManagedRulesACFPRuleSet")


def names() -> list[str]:
    return sorted([*GROUPS, *THREATS])


def cost(name: str) -> int:
    return THREATS_COST if name in THREATS else GROUPS[name][0]


@cache
def group(name: str) -> dict[str, Any] | None:
    if name in THREATS:
        return _threat(name, THREATS[name])
    if name not in GROUPS:
        return None
    capacity, namespace, description, rules = GROUPS[name]
    return {
        "Name": name, "Capacity": capacity, "Description": description, "LabelPrefix": f"awswaf:managed:aws:{namespace}:",
        "Rules": [{"Name": rule, "Priority": i, "Statement": statement, "Action": {"Count" if rule in COUNTS else "Block": {}}, "RuleLabels": [{"Name": label(rule)}]} for i, (rule, statement) in enumerate(rules())],
    }


def _threat(name: str, one: threats.Group) -> dict[str, Any]:
    rules = [{"Name": rule, "Priority": i, "Action": {action: {}}, "RuleLabels": [{"Name": text} for text in (*labels, rule)]} for i, (rule, action, labels) in enumerate(one.rules)]
    return {"Name": name, "Capacity": THREATS_COST, "Description": one.description, "LabelPrefix": f"awswaf:managed:aws:{one.namespace}:", "Rules": rules, "MoreLabels": one.more_labels,
            "Needs": one.needs, "Sense": one.sense}
