"""Schedules: (expression, after, the moments that follow)."""
from datetime import UTC, datetime

import pytest

from cloche.languages import schedule


def moment(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def written(seconds):
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M")


CASES = [
    ("rate(1 minute)", "2025-01-01T00:00", "2025-01-01T00:01 2025-01-01T00:02"),
    ("rate(12 hours)", "2025-01-01T00:00", "2025-01-01T12:00 2025-01-02T00:00"),
    ("rate(7 days)", "2025-01-01T00:00", "2025-01-08T00:00"),
    ("cron(0/30 * * * ? *)", "2025-01-01T00:00", "2025-01-01T00:30 2025-01-01T01:00"),
    ("cron(0 10 * * ? *)", "2025-01-01T10:00", "2025-01-02T10:00"),
    ("cron(15 12 * * ? *)", "2025-01-01T10:00", "2025-01-01T12:15"),
    ("cron(0 18 ? * MON-FRI *)", "2025-01-03T18:00", "2025-01-06T18:00 2025-01-07T18:00"),
    ("cron(0 8 1 * ? *)", "2025-01-01T08:00", "2025-02-01T08:00"),
    ("cron(0/15 8-9 ? * 2-6 *)", "2025-01-03T09:45", "2025-01-06T08:00 2025-01-06T08:15"),
    ("cron(0 9 ? * 2#1 *)", "2025-01-01T00:00", "2025-01-06T09:00 2025-02-03T09:00"),
    ("cron(0 9 ? * 6L *)", "2025-01-01T00:00", "2025-01-31T09:00 2025-02-28T09:00"),
    ("cron(0 9 ? * FRI#5 *)", "2025-01-01T00:00", "2025-01-31T09:00 2025-05-30T09:00"),
    ("cron(0 9 ? * L *)", "2025-01-01T00:00", "2025-01-04T09:00 2025-01-11T09:00"),
    ("cron(0 9 L * ? *)", "2025-01-01T00:00", "2025-01-31T09:00 2025-02-28T09:00"),
    ("cron(0 9 L-2 2 ? *)", "2025-01-01T00:00", "2025-02-26T09:00"),
    ("cron(0 9 LW * ? *)", "2025-05-01T00:00", "2025-05-30T09:00"),
    ("cron(0 9 1W * ? *)", "2025-02-01T10:00", "2025-02-03T09:00 2025-03-03T09:00"),
    ("cron(0 9 15W 6 ? *)", "2025-01-01T00:00", "2025-06-16T09:00"),
    ("cron(0 9 31W * ? *)", "2025-02-01T00:00", "2025-03-31T09:00"),
    ("cron(0 0 29 2 ? *)", "2025-01-01T00:00", "2028-02-29T00:00 2032-02-29T00:00"),
    ("cron(5,35 14 * * ? *)", "2025-01-01T14:05", "2025-01-01T14:35 2025-01-02T14:05"),
    ("cron(0 0 1 JAN ? 2026-2027)", "2025-01-01T00:00", "2026-01-01T00:00 2027-01-01T00:00 never"),
    ("cron(0 0 ? * FRI-MON *)", "2025-01-01T00:00", "2025-01-03T00:00 2025-01-04T00:00 2025-01-05T00:00 2025-01-06T00:00 2025-01-10T00:00"),
    ("cron(0 0 31 2 ? *)", "2025-01-01T00:00", "never"),
    ("at(2025-06-01T12:00:00)", "2025-01-01T00:00", "2025-06-01T12:00 never"),
    ("at(2024-06-01T12:00:00)", "2025-01-01T00:00", "never"),
]

ZONED = [
    ("cron(0 9 * * ? *)", "America/New_York", "2025-03-08T15:00", "2025-03-09T13:00"),
    ("cron(30 2 * * ? *)", "America/New_York", "2025-03-09T00:00", "2025-03-10T06:30"),  # 02:30 does not exist on the 9th
    ("cron(30 1 * * ? *)", "America/New_York", "2025-11-02T00:00", "2025-11-02T05:30 2025-11-03T06:30"),  # 01:30 is there twice on the 2nd
    ("at(2025-07-01T12:00:00)", "Europe/Berlin", "2025-01-01T00:00", "2025-07-01T10:00"),
    ("rate(1 day)", "Europe/Berlin", "2025-03-29T12:00", "2025-03-30T12:00"),
]

REFUSED = [
    "", "rate()", "rate(0 minutes)", "rate(1 minutes)", "rate(5 minute)", "rate(5 seconds)", "rate(-1 minutes)", "rate(1.5 hours)", "rate 5 minutes",
    "cron()", "cron(* * * * *)", "cron(* * * * * *)", "cron(0 0 ? * ? *)", "cron(60 * * * ? *)", "cron(* 24 * * ? *)", "cron(0 0 32 * ? *)", "cron(0 0 0 * ? *)",
    "cron(0 0 ? * 8 *)", "cron(0 0 ? * 0 *)", "cron(0 0 ? * MON#6 *)", "cron(0 0 * 13 ? *)", "cron(0 0 * * ? 1969)", "cron(0/0 * * * ? *)", "cron(x * * * ? *)",
    "cron(10-5 * * * ? *)", "cron(0 0 32W * ? *)", "cron(0 0 * * ? 2200)", "at(2025-13-01T00:00:00)", "at(2025-01-01)", "every(5 minutes)",
]


@pytest.mark.parametrize(("text", "after", "expected"), CASES)
def test_the_moments_of_a_schedule(text, after, expected):
    expected = expected.split()
    found = [written(m) for m in schedule.upcoming(text, moment(after), len(expected))]
    assert found + ["never"] * (len(expected) - len(found)) == expected


@pytest.mark.parametrize(("text", "zone", "after", "expected"), ZONED)
def test_a_schedule_counts_in_its_zone(text, zone, after, expected):
    expected = expected.split()
    assert [written(m) for m in schedule.upcoming(text, moment(after), len(expected), zone)] == expected


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_schedule_is_refused(text):
    with pytest.raises(schedule.Invalid):
        schedule.parse(text)


def test_an_unknown_zone_is_refused():
    with pytest.raises(schedule.Invalid):
        schedule.zone_of("Mars/Olympus")


def test_the_scheduler_takes_either_number_of_a_unit():
    assert schedule.parse("rate(1 minutes)", False).next(0) == 60
