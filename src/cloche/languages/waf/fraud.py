"""AWSManagedRulesATPRuleSet and AWSManagedRulesACFPRuleSet: attempts to get into accounts, and to make them by the dozen.

Leaked passwords are not known here, but for the pair that AWS documents for tests. What the application answered counts before CloudFront alone, as on AWS.
"""
from __future__ import annotations

from typing import Any

from .bots import AUTOMATED
from .threats import HALF_HOUR, TEN_MINUTES, Fields, Group, Sensed, agent, at_path, config, has_token, level, path_matches, token_labels
from .token import fingerprint

LEAKED = ("WAF_TEST_CREDENTIAL@wafexample.com", "WAF_TEST_CREDENTIAL_PASSWORD")
BY_ADDRESS = (10, 15, 20)           # low, medium, high: more than so many in ten minutes
SESSION_MOST = 20                   # attempts of a session in half an hour
TRAVERSALS = 10                     # different names with one password, or passwords for one name, of a session in half an hour; AWS does not say how many
LONG_SESSION_SECONDS = 6 * 3600
BY_SESSION = (0, 5, 10)             # accounts made by a session in half an hour, names it tried, and with one telephone number
BY_POSTAL_ADDRESS = (50, 100)
BY_RESPONSE = (1, 5, 10)            # attempts that failed, or accounts that were made: of an address in ten minutes, of a session in half an hour


def _leaked(name: str, password: str) -> bool:
    return (name, password) == LEAKED


def logging_in(asked: Any, how: dict[str, Any], world: Any, place: str) -> Sensed:
    if asked.user_pool:
        return Sensed({"unsupported:cognito_idp"}, {"UnsupportedCognitoIDP"})
    if asked.method != "POST" or not at_path(asked, how["LoginPath"], how.get("EnableRegexInPath", False)):
        return Sensed(set(), set())
    labels, rules = token_labels(asked), set()
    volume = level("aggregate:volumetric:ip", world.count(f"{place}/ip", asked.address, TEN_MINUTES), BY_ADDRESS)
    labels |= volume
    if "aggregate:volumetric:ip:high" in volume:
        rules.add("VolumetricIpHigh")
    if "awswaf:managed:token:rejected" in labels:
        rules.add("TokenRejected")
    inspection = how.get("RequestInspection")
    name = password = ""
    if inspection:
        fields = Fields(asked, inspection)
        name, password = fields.get(inspection["UsernameField"]), fields.get(inspection["PasswordField"])
        if not name or not password:
            labels.add("signal:missing_credential")
            rules.add("SignalMissingCredential")
        if _leaked(name, password):
            labels.add("signal:credential_compromised")
    _answered(asked, how, world, place, labels, rules, "failed_login_response", ("VolumetricIpFailedLoginResponseHigh", "VolumetricSessionFailedLoginResponseHigh"))
    if has_token(asked):
        session = asked.token.session
        if world.count(f"{place}/session", session, HALF_HOUR) > SESSION_MOST:
            _match(labels, rules, "VolumetricSession", "aggregate:volumetric:session")
        if name and password:
            if _leaked(name, password) and world.count(f"{place}/leaked", session, HALF_HOUR) > 1:
                _match(labels, rules, "AttributeCompromisedCredentials", "aggregate:attribute:compromised_credentials")
            if world.different(f"{place}/names", f"{session} {fingerprint(password)}", fingerprint(name), HALF_HOUR) > TRAVERSALS:
                _match(labels, rules, "AttributeUsernameTraversal", "aggregate:attribute:username_traversal")
            if world.different(f"{place}/passwords", f"{session} {fingerprint(name)}", fingerprint(password), HALF_HOUR) > TRAVERSALS:
                _match(labels, rules, "AttributePasswordTraversal", "aggregate:attribute:password_traversal")
        if asked.now - asked.token.since > LONG_SESSION_SECONDS:
            _match(labels, rules, "AttributeLongSession", "aggregate:attribute:long_session")
    return Sensed(labels, rules)


def _match(labels: set[str], rules: set[str], rule: str, label: str) -> None:
    rules.add(rule)
    labels.add(label)


def signing_up(asked: Any, how: dict[str, Any], world: Any, place: str) -> Sensed:
    if asked.user_pool:
        return Sensed({"unsupported:cognito_idp"}, {"UnsupportedCognitoIDP"})
    by_pattern = how.get("EnableRegexInPath", False)
    page = asked.method == "GET" and at_path(asked, how["RegistrationPagePath"], by_pattern) and any(k.lower() == "accept" and "text/html" in v for k, v in asked.headers)
    making = asked.method == "POST" and at_path(asked, how["CreationPath"], by_pattern)
    if not page and not making:
        return Sensed(set(), set())
    labels, rules = token_labels(asked), set()
    if page:
        rules.add("AllRequests")       # whoever sees the page gets a token by it
        return Sensed(labels, rules)
    inspection = how["RequestInspection"]
    fields = Fields(asked, inspection)
    name = fields.get(inspection.get("UsernameField")) or fields.get(inspection.get("EmailField"))
    if _leaked(name, fields.get(inspection.get("PasswordField"))):
        _match(labels, rules, "SignalCredentialCompromised", "signal:credential_compromised")
    _volume(labels, rules, "aggregate:volumetric:ip:creation", world.count(f"{place}/ip", asked.address, TEN_MINUTES), BY_ADDRESS, "VolumetricIpHigh")
    _answered(asked, how, world, place, labels, rules, "successful_creation_response", ("VolumetricIPSuccessfulResponse", "VolumetricSessionSuccessfulResponse"))
    if phone := fields.together(inspection.get("PhoneNumberFields")):
        _volume(labels, rules, "aggregate:volumetric:phone_number", world.count(f"{place}/phone", fingerprint(phone), HALF_HOUR), BY_SESSION, "VolumetricPhoneNumberHigh")
    if where := fields.together(inspection.get("AddressFields")):
        often = world.count(f"{place}/address", fingerprint(where), HALF_HOUR)
        if often > BY_POSTAL_ADDRESS[1]:
            _match(labels, rules, "VolumetricAddressHigh", "aggregate:volumetric:address:high")
        elif often > BY_POSTAL_ADDRESS[0]:
            _match(labels, rules, "VolumetricAddressLow", "aggregate:volumetric:address:low")
    if has_token(asked):
        session, text = asked.token.session, agent(asked)
        _volume(labels, rules, "aggregate:volumetric:session:creation", world.count(f"{place}/session", session, HALF_HOUR), BY_SESSION, "VolumetricSessionHigh")
        if name:
            _volume(labels, rules, "aggregate:attribute:username_traversal:creation", world.different(f"{place}/names", session, fingerprint(name), HALF_HOUR), BY_SESSION,
                    "AttributeUsernameTraversalHigh")
        if asked.token.driven or AUTOMATED.search(text):
            _match(labels, rules, "AutomatedBrowser", "signal:automated_browser")
        if asked.token.agent != fingerprint(text):
            _match(labels, rules, "BrowserInconsistency", "signal:browser_inconsistency")
        if world.different(f"{place}/places", session, asked.address, HALF_HOUR) > 5:
            _match(labels, rules, "VolumetricSessionTokenReuseIp", "aggregate:volumetric:session:creation:token_reuse:ip")
    return Sensed(labels, rules)


def _volume(labels: set[str], rules: set[str], prefix: str, count: int, steps: tuple[int, int, int], rule: str) -> None:
    found = level(prefix, count, steps)
    labels |= found
    if f"{prefix}:high" in found:
        rules.add(rule)


def _answered(asked: Any, how: dict[str, Any], world: Any, place: str, labels: set[str], rules: set[str], word: str, names: tuple[str, str]) -> None:
    """What the responses to earlier attempts were."""
    if how.get("ResponseInspection"):
        _volume(labels, rules, f"aggregate:volumetric:ip:{word}", world.seen(f"{place}/response/ip", asked.address, TEN_MINUTES), BY_RESPONSE, names[0])
        if has_token(asked):
            _volume(labels, rules, f"aggregate:volumetric:session:{word}", world.seen(f"{place}/response/session", asked.token.session, HALF_HOUR), BY_RESPONSE, names[1])


# -- responses --------------------------------------------------------------------------------------------------------------------

def inspected(rules: list[Any], method: str, path: str) -> list[tuple[str, dict[str, Any], bool]]:
    """(place of the counts, how to read a response, whether successes are counted) for each group that wants to know what came of this request."""
    found = []
    for rule in rules if method == "POST" else ():
        how = rule["Statement"].get("ManagedRuleGroupStatement") or {}
        for name, where, good in (("AWSManagedRulesATPRuleSet", "LoginPath", False), ("AWSManagedRulesACFPRuleSet", "CreationPath", True)):
            given = config(name, how.get("ManagedRuleGroupConfigs") or []) if how.get("Name") == name else {}
            if given.get("ResponseInspection") and path_matches(path, given[where], given.get("EnableRegexInPath", False)):
                found.append((f"{rule['Name']}/{name}", given["ResponseInspection"], good))
    return found


def succeeded(how: dict[str, Any], status: int, headers: list[tuple[str, str]], body: bytes) -> bool | None:
    """True and False as the application says it in its response; None if it says neither."""
    kind, one = next(iter(how.items()))
    if kind == "StatusCode":
        return True if status in one["SuccessCodes"] else False if status in one["FailureCodes"] else None
    if kind == "BodyContains":
        good, bad = (any(text.encode() in body for text in one[name]) for name in ("SuccessStrings", "FailureStrings"))
    elif kind == "Header":
        values = [value for name, value in headers if name.lower() == one["Name"].lower()]
        good, bad = (any(value in one[name] for value in values) for name in ("SuccessValues", "FailureValues"))
    else:
        said = Fields.of_json(body).get(one).lower()
        good, bad = (said in [text.lower() for text in one[name]] for name in ("SuccessValues", "FailureValues"))
    return True if good else False if bad else None


TAKEOVER = Group(
    "atp", "Provides protection for your login page against stolen credentials, credential stuffing attacks, brute force login attempts, and other anomalous login activities. With account "
    "takeover prevention, you can prevent unauthorized access that may lead to fraudulent activities, or inform legitimate users to take a preventive action.", "AWSManagedRulesATPRuleSet",
    (("UnsupportedCognitoIDP", "Block", ("unsupported:cognito_idp",)), ("VolumetricIpHigh", "Block", ("aggregate:volumetric:ip:high",)),
     ("VolumetricSession", "Block", ("aggregate:volumetric:session",)), ("AttributeCompromisedCredentials", "Block", ("aggregate:attribute:compromised_credentials",)),
     ("AttributeUsernameTraversal", "Block", ("aggregate:attribute:username_traversal",)), ("AttributePasswordTraversal", "Block", ("aggregate:attribute:password_traversal",)),
     ("AttributeLongSession", "Block", ("aggregate:attribute:long_session",)), ("TokenRejected", "Block", ()), ("SignalMissingCredential", "Block", ("signal:missing_credential",)),
     ("VolumetricIpFailedLoginResponseHigh", "Block", ("aggregate:volumetric:ip:failed_login_response:high",)),
     ("VolumetricSessionFailedLoginResponseHigh", "Block", ("aggregate:volumetric:session:failed_login_response:high",))),
    ("aggregate:volumetric:ip:medium", "aggregate:volumetric:ip:low", "signal:credential_compromised",
     *(f"aggregate:volumetric:{who}:failed_login_response:{word}" for who in ("ip", "session") for word in ("low", "medium"))), logging_in)

_LEVELS = ("aggregate:volumetric:ip:creation", "aggregate:volumetric:session:creation", "aggregate:attribute:username_traversal:creation", "aggregate:volumetric:phone_number")
CREATION = Group(
    "acfp", "Provides protection against the creation of fraudulent accounts on your site. Fraudulent accounts can be used for activities such as obtaining sign-up bonuses and impersonating "
    "legitimate users.", "AWSManagedRulesACFPRuleSet",
    (("UnsupportedCognitoIDP", "Block", ("unsupported:cognito_idp",)), ("AllRequests", "Challenge", ()), ("RiskScoreHigh", "Block", ("risk_score:high",)),
     ("SignalCredentialCompromised", "Block", ("signal:credential_compromised",)), ("SignalClientHumanInteractivityAbsentLow", "Captcha", ("signal:client:human_interactivity:low",)),
     ("AutomatedBrowser", "Block", ("signal:automated_browser",)), ("BrowserInconsistency", "Captcha", ("signal:browser_inconsistency",)),
     ("VolumetricIpHigh", "Captcha", ("aggregate:volumetric:ip:creation:high",)), ("VolumetricSessionHigh", "Block", ("aggregate:volumetric:session:creation:high",)),
     ("AttributeUsernameTraversalHigh", "Block", ("aggregate:attribute:username_traversal:creation:high",)), ("VolumetricPhoneNumberHigh", "Block", ("aggregate:volumetric:phone_number:high",)),
     ("VolumetricAddressHigh", "Block", ("aggregate:volumetric:address:high",)), ("VolumetricAddressLow", "Captcha", ("aggregate:volumetric:address:low",)),
     ("VolumetricIPSuccessfulResponse", "Block", ("aggregate:volumetric:ip:successful_creation_response:high",)),
     ("VolumetricSessionSuccessfulResponse", "Block", ("aggregate:volumetric:session:successful_creation_response:high",)),
     ("VolumetricSessionTokenReuseIp", "Block", ("aggregate:volumetric:session:creation:token_reuse:ip",))),
    tuple(f"{one}:{word}" for one in (*_LEVELS, *(f"aggregate:volumetric:{who}:successful_creation_response" for who in ("ip", "session"))) for word in ("low", "medium")), signing_up)
