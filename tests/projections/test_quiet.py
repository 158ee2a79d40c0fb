"""When a number may not be written to."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.account import QuietHours
from projections.quiet import Hours, hours, opens, zones

MADRID = "Europe/Madrid"
NIGHT = Hours(21 * 60, 9 * 60, (MADRID,), None)
LOCAL = "%Y-%m-%d %H:%M"


def at(local: str, zone: str = MADRID, fold: int = 0) -> int:
    return int(datetime.strptime(local, LOCAL).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp() * 1000)


def until(rule: Hours, now: int, zone: str = MADRID) -> str:
    """When it opens, as a clock in the zone shows it."""
    opened = opens(rule, now)
    assert opened is not None
    return datetime.fromtimestamp(opened / 1000, ZoneInfo(zone)).strftime(LOCAL)


@pytest.mark.parametrize(
    ("now", "opened"),
    [
        ("2026-11-23 08:59", "2026-11-23 09:00"),
        ("2026-11-23 09:00", "2026-11-23 09:00"),
        ("2026-11-23 20:59", "2026-11-23 20:59"),
        ("2026-11-23 21:00", "2026-11-24 09:00"),
        ("2026-11-24 00:00", "2026-11-24 09:00"),
        ("2026-12-31 23:59", "2027-01-01 09:00"),
    ],
)
def test_a_night_reaches_over_midnight(now: str, opened: str) -> None:
    assert until(NIGHT, at(now)) == opened


def test_hours_within_a_day_end_on_that_day() -> None:
    siesta = NIGHT._replace(begin=14 * 60, end=17 * 60)
    assert until(siesta, at("2026-11-23 14:00")) == "2026-11-23 17:00"
    assert until(siesta, at("2026-11-23 17:00")) == "2026-11-23 17:00"
    assert until(siesta, at("2026-11-23 03:00")) == "2026-11-23 03:00"


def test_the_moment_is_exact_to_the_millisecond() -> None:
    assert opens(NIGHT, at("2026-11-23 09:00") - 1) == at("2026-11-23 09:00")
    assert opens(NIGHT, at("2026-11-23 21:00") - 1) == at("2026-11-23 21:00") - 1


def test_the_same_time_twice_is_no_hour_at_all() -> None:
    none = NIGHT._replace(begin=0, end=0)
    assert opens(none, at("2026-11-23 00:00")) == at("2026-11-23 00:00")
    assert until(none._replace(country="ES"), at("2026-12-25 10:00")) == "2026-12-26 00:00"


# In Madrid clocks go from 02:00 to 03:00 on 29 March 2026, and from 03:00 back to 02:00 on 25 October.
def test_a_night_is_shorter_or_longer_where_the_clock_is_changed() -> None:
    hour = 3_600_000
    assert opens(NIGHT, at("2026-03-28 21:00")) == at("2026-03-28 21:00") + 11 * hour
    assert opens(NIGHT, at("2026-10-24 21:00")) == at("2026-10-24 21:00") + 13 * hour
    assert opens(NIGHT, at("2026-10-25 21:00")) == at("2026-10-25 21:00") + 12 * hour


def test_an_end_that_the_clock_leaves_out_is_the_change_itself() -> None:
    rule = NIGHT._replace(end=2 * 60 + 30)
    assert opens(rule, at("2026-03-29 01:00")) == at("2026-03-29 03:00")


def test_an_hour_that_comes_twice_is_quiet_twice() -> None:
    rule = NIGHT._replace(end=2 * 60 + 30)
    assert opens(rule, at("2026-10-25 02:10")) == at("2026-10-25 02:30")
    assert opens(rule, at("2026-10-25 02:10", fold=1)) == at("2026-10-25 02:30", fold=1)


def test_holidays_in_a_row_are_waited_out_and_so_is_the_night_behind_them() -> None:
    rule = NIGHT._replace(country="DE", zones=("Europe/Berlin",))
    # 25 and 26 December 2026 are a Friday and a Saturday, and both are holidays in Germany.
    assert until(rule, at("2026-12-24 22:00")) == "2026-12-27 09:00"
    assert until(rule, at("2026-12-25 12:00")) == "2026-12-27 09:00"
    assert until(rule, at("2026-12-24 20:59")) == "2026-12-24 20:59"


def test_a_holiday_begins_and_ends_at_midnight_where_the_number_is() -> None:
    rule = Hours(0, 0, ("America/New_York",), "US")
    new_york = "America/New_York"
    assert until(rule, at("2026-07-04 00:00", new_york), new_york) == "2026-07-05 00:00"
    assert until(rule, at("2026-07-02 23:59", new_york), new_york) == "2026-07-02 23:59"
    assert until(rule, at("2026-07-03 12:00", new_york), new_york) == "2026-07-05 00:00"  # observed on the Friday


def test_a_country_of_which_nobody_knows_has_no_holidays() -> None:
    assert until(NIGHT._replace(country="ZZ"), at("2026-12-25 12:00")) == "2026-12-25 12:00"


def test_it_must_be_quiet_in_none_of_the_zones() -> None:
    both = NIGHT._replace(zones=("Atlantic/Canary", MADRID))
    assert until(both, at("2026-11-23 08:30")) == "2026-11-23 10:00"  # 09:00 on the Canaries
    assert until(both, at("2026-11-23 20:30")) == "2026-11-23 20:30"


def test_hours_that_leave_no_time_are_told() -> None:
    around_the_world = Hours(20 * 60, 10 * 60, ("Europe/Bucharest", "Asia/Anadyr"), None)
    assert opens(around_the_world, at("2026-11-23 12:00")) is None


@pytest.mark.parametrize(
    ("number", "own", "found"),
    [
        ("+34612345678", MADRID, (MADRID,)),
        ("+34612345678", "Atlantic/Canary", ("Atlantic/Canary",)),
        ("+34612345678", "America/Bogota", ("Atlantic/Canary", MADRID)),
        ("+34928123456", MADRID, ("Atlantic/Canary",)),  # a land line of Las Palmas
        ("+12125550123", MADRID, ("America/New_York",)),
        ("+14155552671", "America/New_York", ("America/Los_Angeles",)),
        ("+881612345678", MADRID, (MADRID,)),  # a satellite phone: nobody knows
        ("not a number", MADRID, (MADRID,)),
    ],
)
def test_the_zone_is_that_of_the_number_s_region_else_the_account_s(
    number: str, own: str, found: tuple[str, ...]
) -> None:
    rule = QuietHours.model_validate({"from": "21:00", "to": "09:00"})
    assert hours(rule, number, "ES", own) == Hours(21 * 60, 9 * 60, found, None)


def test_holidays_are_those_of_the_number_s_country_if_the_account_asks_for_them() -> None:
    rule = QuietHours.model_validate({"from": "21:00", "to": "09:00", "holidays": True})
    assert hours(rule, "+33612345678", "FR", MADRID) == Hours(21 * 60, 9 * 60, ("Europe/Paris",), "FR")
    assert zones("+33612345678") == ("Europe/Paris",)


ZONES = st.sampled_from(["Europe/Madrid", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"])
START = int(datetime.fromisoformat("2026-01-01T00:00+00:00").timestamp())


@given(
    st.integers(0, 1439), st.integers(0, 1439), st.lists(ZONES, min_size=1, max_size=2, unique=True),
    st.sampled_from(["ES", "US", None]), st.integers(0, 2 * 365 * 1440),
)  # fmt: skip
def test_it_opens_in_the_first_minute_that_is_quiet_nowhere(
    begin: int, end: int, where: list[str], country: str | None, after: int
) -> None:
    """Against a walk by single minutes: each of them is held against the rule as a person would read it."""
    import holidays

    rule = Hours(begin, end, tuple(where), country)
    days = holidays.country_holidays(country, years=(2026, 2027, 2028)) if country else {}

    def quiet(minute: datetime, zone: str) -> bool:
        local = minute.astimezone(ZoneInfo(zone))
        at = local.hour * 60 + local.minute
        within = begin <= at < end if begin <= end else at >= begin or at < end
        return within or local.date() in days

    now = START * 1000 + after * 60_000
    opened = opens(rule, now)
    minute = datetime.fromtimestamp(now / 1000, ZoneInfo("UTC"))
    for _ in range(3 * 1440):
        if not any(quiet(minute, zone) for zone in where):
            assert opened == int(minute.timestamp() * 1000)
            return
        minute += timedelta(minutes=1)
    assert opened is None or opened >= int(minute.timestamp() * 1000)
