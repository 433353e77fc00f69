"""The SQL of S3 Select, by tables of what it comes to."""
from __future__ import annotations

import pytest

from cloche.languages import s3select
from cloche.languages.s3select import records

NOW = 1_700_000_000.0


def asked(sql, text="{}", header=None):
    query, out, write = s3select.read(sql), [], records.JsonOut("").write
    found = records.json_values(text) if header is None else records.csv(iter([text.encode()]), records.Csv())
    run = s3select.Run(query, header, NOW)
    for record in found:
        run.take(record, lambda names, values: out.append(write(names, values)))
    run.end(lambda names, values: out.append(write(names, values)))
    return out


def value(expression, text="{}"):
    [found] = asked(f"SELECT {expression} AS v FROM S3Object s", text)
    return found[5:-1] if found != "{}" else "MISSING"


@pytest.mark.parametrize(("expression", "wanted"), [
    ("1 + 2 * 3", "7"), ("(1 + 2) * 3", "9"), ("7 / 2", "3"), ("7.0 / 2", "3.5"), ("7 % 4", "3"), ("-3 + 1", "-2"), ("0.1 + 0.2", "0.3"), ("10 * 10.0", "100"), ("1 - -1", "2"),
    ("'a' || 'b'", '"ab"'), ("'it''s'", '"it\'s"'), ("TRUE", "true"), ("NULL", "null"), ("MISSING", "MISSING"), ("1 + NULL", "null"), ("NULL = NULL", "null"),
    ("1 = 1.0", "true"), ("'2' > 10", "false"), ("'12' > 10", "true"), ("'b' > 'a'", "true"), ("1 <> 'x'", "true"), ("1 != 2", "true"), ("2 BETWEEN 1 AND 3", "true"),
    ("2 NOT BETWEEN 1 AND 3", "false"), ("2 IN (1, 2)", "true"), ("3 NOT IN (1, 2)", "true"), ("3 IN (1, NULL)", "null"), ("NOT TRUE OR TRUE", "true"),
    ("NULL AND FALSE", "false"), ("NULL OR TRUE", "true"), ("NULL OR FALSE", "null"), ("NULL IS NULL", "true"), ("MISSING IS NULL", "true"), ("MISSING IS MISSING", "true"),
    ("NULL IS MISSING", "false"), ("1 IS NOT NULL", "true"), ("'abc' LIKE 'a%'", "true"), ("'abc' LIKE '_bc'", "true"), ("'abc' NOT LIKE '%d%'", "true"), ("'a%c' LIKE 'a!%c' ESCAPE '!'", "true"),
    ("'abc' LIKE 'a!%c' ESCAPE '!'", "false"), ("'a.c' LIKE 'abc'", "false"),
    ("'abcabc' LIKE '%b%b%'", "true"), ("'abc' LIKE '%b%b%'", "false"), ("'aa' LIKE 'aa%a'", "false"), ("'' LIKE '%'", "true"), ("'ab' LIKE 'a'", "false"), ("'xay' LIKE '%a_'", "true"),
    ("CASE WHEN 1 = 2 THEN 'a' WHEN 1 = 1 THEN 'b' ELSE 'c' END", '"b"'), ("CASE 3 WHEN 1 THEN 'a' ELSE 'c' END", '"c"'), ("CASE 3 WHEN 1 THEN 'a' END", "null"),
    ("COALESCE(NULL, MISSING, 3, 4)", "3"), ("COALESCE(NULL)", "null"), ("NULLIF(1, 1)", "null"), ("NULLIF(1, 2)", "1"),
    ("CHAR_LENGTH('héllo')", "5"), ("CHARACTER_LENGTH('')", "0"), ("LOWER('AbC')", '"abc"'), ("UPPER('AbC')", '"ABC"'), ("UPPER(NULL)", "null"),
    ("SUBSTRING('123456789', 0)", '"123456789"'), ("SUBSTRING('123456789', -1)", '"123456789"'), ("SUBSTRING('123456789', 3, 2)", '"34"'), ("SUBSTRING('123456789', 0, 3)", '"12"'),
    ("SUBSTRING('123456789' FROM 8 FOR 99)", '"89"'), ("TRIM('  a ')", '"a"'), ("TRIM(LEADING FROM '  a ')", '"a "'), ("TRIM(TRAILING 'xy' FROM 'axyx')", '"a"'), ("TRIM(BOTH '1' FROM '11a11')", '"a"'),
    ("CAST('12' AS INT)", "12"), ("CAST(12.9 AS INT)", "12"), ("CAST('1.50' AS DECIMAL(5, 2))", "1.50"), ("CAST('2.5' AS FLOAT)", "2.5"), ("CAST(1 AS STRING)", '"1"'), ("CAST('TRUE' AS BOOL)", "true"),
    ("CAST(0 AS BOOL)", "false"), ("CAST('2020-02-03T04:05Z' AS TIMESTAMP)", '"2020-02-03T04:05Z"'),
    ("DATE_ADD(year, 5, `2010-01-01T`)", '"2015-01-01"'), ("DATE_ADD(month, 1, `2010T`)", '"2010-02T"'), ("DATE_ADD(month, -1, `2010-01-10T`)", '"2009-12-10"'),
    ("DATE_ADD(month, 1, `2020-01-31T`)", '"2020-02-29"'), ("DATE_ADD(hour, 1, `2017T`)", '"2017-01-01T01:00Z"'), ("DATE_ADD(second, 1, `2017-01-02T03:04:05.006Z`)", '"2017-01-02T03:04:06.006Z"'),
    ("DATE_DIFF(year, `2010-01-01T`, `2011-01-01T`)", "1"), ("DATE_DIFF(month, `2010-01-01T`, `2010-05T`)", "4"), ("DATE_DIFF(month, `2011T`, `2010T`)", "-12"),
    ("DATE_DIFF(day, `2010-01-01T23:00Z`, `2010-01-02T01:00Z`)", "0"), ("DATE_DIFF(day, `2010-01-01T`, `2010-03-01T`)", "59"),
    ("EXTRACT(YEAR FROM `2010-01-01T`)", "2010"), ("EXTRACT(MINUTE FROM `2010-01-01T01:02Z`)", "2"), ("EXTRACT(TIMEZONE_HOUR FROM `2010-01-01T01:02+05:30`)", "5"),
    ("EXTRACT(TIMEZONE_MINUTE FROM `2010-01-01T01:02+05:30`)", "30"), ("TO_TIMESTAMP('2007T')", '"2007T"'), ("TO_TIMESTAMP('2007-02-23T12:14:33.079-08:00')", '"2007-02-23T12:14:33.079-08:00"'),
    ("TO_STRING(`1969-07-20T20:18Z`, 'MMMM d, y')", '"July 20, 1969"'), ("TO_STRING(`1969-07-20T20:18Z`, 'MMM d, yyyy')", '"Jul 20, 1969"'), ("TO_STRING(`1969-07-20T20:18Z`, 'M-d-yy')", '"7-20-69"'),
    ("TO_STRING(`1969-07-20T20:18Z`, 'MMMM d, y h:m a')", '"July 20, 1969 8:18 PM"'), ("TO_STRING(`1969-07-20T20:18:00Z`, 'y-MM-dd''T''H:m:ssX')", '"1969-07-20T20:18:00Z"'),
    ("TO_STRING(`1969-07-20T20:18:00+08:00`, 'y-MM-dd''T''H:m:ssXXX')", '"1969-07-20T20:18:00+08:00"'),
    ("UTCNOW()", '"2023-11-14T22:13:20Z"'), ("`2010-01-02T` > `2010-01-01T`", "true"), ("[1, 'a', NULL]", '[1,"a",null]')])
def test_an_expression_comes_to(expression, wanted):
    assert value(expression) == wanted


@pytest.mark.parametrize(("expression", "wanted"), [
    ("s.a", "1"), ("a", "1"), ("S.A", "1"), ('s."A"', "MISSING"), ("s.none", "MISSING"), ("s.b.c", '"x"'), ("s.l[1]", "20"), ("s.l[9]", "MISSING"), ("s['b']['c']", '"x"'), ("s.b", '{"c":"x"}'),
    ("s.f", "1.10"), ("s.z", "null"), ("s.a.b", "MISSING")])
def test_paths_reach_into_a_record(expression, wanted):
    assert value(expression, '{"a": 1, "b": {"c": "x"}, "l": [10, 20], "f": 1.10, "z": null}') == wanted


def test_from_makes_rows():
    text = '{"p": [{"n": 1, "in": [1, 2]}, {"n": 2}], "o": {"x": {"v": 1}, "y": {"v": 2}}}'
    assert asked("SELECT * FROM S3Object[*].p[*]", text) == ['{"n":1,"in":[1,2]}', '{"n":2}']
    assert asked("SELECT p.n FROM S3Object[*].p[*] AS p WHERE p.n > 1", text) == ['{"n":2}']
    assert asked("SELECT i AS v FROM S3Object[*].p[*]['in'][*] i", text) == ['{"v":1}', '{"v":2}', "{}"]
    assert asked("SELECT v FROM S3Object[*].o.*", text) == ['{"v":1}', '{"v":2}']
    assert asked("SELECT s.n FROM S3Object[*][*] s LIMIT 1", '[{"n": 1}, {"n": 2}]') == ['{"n":1}']
    assert asked("SELECT p.n FROM S3Object[*].p[0] p", text) == ['{"n":1}']


def test_fields_are_ambiguous_only_without_quotes():
    with pytest.raises(s3select.Invalid) as wrong:
        asked("SELECT s.A FROM S3Object s", "x,y\n", ("a", "a"))
    assert wrong.value.code == "AmbiguousFieldName"
    assert asked('SELECT s."A" FROM S3Object s', "x,y\n", ("a", "A")) == ['{"A":"y"}']


def test_pieces_may_be_cut_anywhere():
    data = 'a,"b\nc",d\r\n"é"",",x\n# no\nlast'.encode()
    wanted = [["a", "b\nc", "d"], ['é",', "x"], ["last"]]
    for size in range(1, len(data) + 1):
        pieces = iter([data[at:at + size] for at in range(0, len(data), size)])
        assert list(records.csv(pieces, records.Csv(quoted_records=True))) == wanted, size
    for size in range(1, 9):
        data = b'{"a": [1,\t2]}\n{"a": "\xc3\xa9"}'
        assert list(records.json_lines(iter([data[at:at + size] for at in range(0, len(data), size)]))) == [{"a": [1, 2]}, {"a": "é"}]


@pytest.mark.parametrize(("sql", "code"), [
    ("SELECT a FROM S3Object GROUP BY a", "ParseUnsupportedSyntax"), ("SELECT a FROM (SELECT * FROM S3Object)", "ParseUnsupportedSyntax"), ("SELECT DISTINCT a FROM S3Object", "ParseUnsupportedSyntax"),
    ("UPDATE S3Object", "ParseUnsupportedSelect"), ("SELECT a FROM S3Object WHERE COUNT(*) > 1", "UnsupportedSqlStructure"), ("SELECT a FROM S3Object LIMIT x", "ParseUnexpectedToken"),
    ("SELECT COUNT(a, b) FROM S3Object", "ParseNonUnaryAgregateFunctionCall"), ("SELECT DATE_ADD(week, 1, a) FROM S3Object", "ParseExpectedDatePart"), ("SELECT `2010-99T` FROM S3Object", "LexerInvalidIONLiteral"),
    ("SELECT LOWER(a, b) FROM S3Object", "EvaluatorInvalidArguments"), ("SELECT CASE ELSE 1 END FROM S3Object", "ParseUnExpectedKeyword"), ("SELECT 1 / 0 FROM S3Object", "EvaluatorInvalidArguments"),
    ("SELECT LOWER(1) FROM S3Object", "EvaluatorInvalidArguments"), ("SELECT a FROM S3Object WHERE a IN (1 2)", "ParseExpectedArgumentDelimiter"), ("SELECT a[x] FROM S3Object", "InvalidKeyPath")])
def test_what_makes_no_sense_is_refused(sql, code):
    with pytest.raises(s3select.Invalid) as wrong:
        asked(sql)
    assert wrong.value.code == code


def test_hostile_queries_and_values_are_refused_in_time():
    for sql in ("SELECT " + "(" * 5000 + "1" + ")" * 5000 + " FROM S3Object", "SELECT " + "1+" * 50_000 + "1 FROM S3Object", "SELECT " + "NOT " * 2000 + "TRUE FROM S3Object"):
        with pytest.raises(s3select.Invalid) as wrong:
            asked(sql)
        assert wrong.value.code == "UnsupportedSqlStructure"
    assert value("'" + "a" * 5000 + "' LIKE '" + "%a" * 300 + "%b'") == "false"
    assert value("s.n", '{"n": 1e999999999}') == "1E+999999999"
    with pytest.raises(s3select.Invalid):
        value("CAST(s.n AS INT)", '{"n": 1e999999999}')
