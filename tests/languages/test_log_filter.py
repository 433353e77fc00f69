"""Filter patterns of CloudWatch Logs, with the examples of AWS's own page."""
import pytest

from cloche.languages.log_filter import Invalid, compile

YES, NO = True, False
JSON = '{"eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111", "arrayKey": ["value", "another value"], "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}], ' \
    '"SomeObject": null, "cluster.name": "c", "bandwidth": 55.5, "ok": true}'
LINE = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'


@pytest.mark.parametrize(("pattern", "message", "matches"), [
    ("", "anything", YES),
    ("ERROR", "[ERROR 400] BAD REQUEST", YES),
    ("ERROR", "[error 400]", NO),
    ("ERROR ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", YES),
    ("ERROR ARGUMENTS", "[ERROR 401] UNAUTHORIZED", NO),
    ("?ERROR ?ARGUMENTS", "[ERROR 401] UNAUTHORIZED", YES),
    ("?ERROR ?ARGUMENTS", "fine", NO),
    ('"INTERNAL SERVER ERROR"', "[ERROR 500] INTERNAL SERVER ERROR", YES),
    ("ERROR -EXITING", "[ERROR] bad EXITING", NO),
    ("ERROR -EXITING", "[ERROR] bad", YES),
    ('-"a b"', "xa bx", NO),
    ("%[0-9]{3}%", "code 404", YES),
    ("%^code%", "a code 404", NO),
    ('{ $.eventType = "UpdateTrail" }', JSON, YES),
    ('{ $.eventType != "UpdateTrail" }', JSON, NO),
    ('{ $.missing != "x" }', JSON, NO),
    ("{ $.sourceIPAddress != 123.123.* }", JSON, YES),
    ('{ $.arrayKey[0] = "value" }', JSON, YES),
    ('{ $.objectList[1].id = 2 }', JSON, YES),
    ('{ $.objectList[*].name = "b" }', JSON, YES),
    ("{ $.SomeObject IS NULL }", JSON, YES),
    ("{ $.SomeOtherObject NOT EXISTS }", JSON, YES),
    ("{ $.eventType NOT EXISTS }", JSON, NO),
    ("{ $.ok IS TRUE }", JSON, YES),
    ("{ $.ok IS FALSE }", JSON, NO),
    ("{ $.['cluster.name'] = \"c\" }", JSON, YES),
    ("{ $.bandwidth > 55 && $.bandwidth <= 55.5 }", JSON, YES),
    ('{ ($.bandwidth < 5 || $.eventType = "Update*") && $.ok IS TRUE }', JSON, YES),
    ('{ $.bandwidth < 5 || $.eventType = "x" && $.ok IS TRUE }', JSON, NO),
    ("{ $.eventType = %Trail$% }", JSON, YES),
    ("{ $.a = 1 }", "not json", NO),
    ("[ip, id, user, timestamp, request, status_code, size]", LINE, YES),
    ("[ip, id, user, timestamp, request, status_code = 4*, size]", LINE, YES),
    ("[ip, id, user, timestamp, request, status_code = 2*, size]", LINE, NO),
    ("[ip, user, size]", LINE, NO),
    ("[..., status_code = 404, size > 1000]", LINE, YES),
    ("[ip = 127.0.0.1, ..., size]", LINE, YES),
    ('[ip, id, user, timestamp, request = *index.html*, status_code = 404 || status_code = 410, size]', LINE, YES),
    ('[ip, id, user != frank, ...]', LINE, NO),
])
def test_a_pattern_matches_as_aws_says(pattern, message, matches):
    assert (compile(pattern).match(message) is not None) is matches


@pytest.mark.parametrize("pattern", ["{ $.a = }", "{ a = 1 }", "{ $.a = 1", "[a", "foo-bar", "{ $.a > x }", "{ ($.a = 1 }", "[..., a, ...]", "%(%"])
def test_what_is_no_pattern_is_refused(pattern):
    with pytest.raises(Invalid):
        compile(pattern)


def test_the_values_that_a_pattern_names_are_extracted():
    assert compile("{ $.bandwidth > 5 && $.eventType = U* }").match(JSON) == {"$.bandwidth": "55.5", "$.eventType": "UpdateTrail"}
    found = compile("[ip, id, user, timestamp, request, status_code = 4*, size]").match(LINE)
    assert found == {
        "$ip": "127.0.0.1", "$id": "Prod", "$user": "frank", "$timestamp": "10/Oct/2000:13:25:15 -0700", "$request": "GET /index.html HTTP/1.0", "$status_code": "404", "$size": "1534",
    }
