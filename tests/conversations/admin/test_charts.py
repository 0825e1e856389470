from datetime import date, timedelta

from conversations.admin.charts import HEIGHT, WIDTH, Chart, Series, said

DAYS = [date(2026, 1, 1) + timedelta(days=number) for number in range(4)]


def test_a_bar_for_each_day_with_something() -> None:
    chart = Chart.of("Minutes", DAYS, [0, 10.0, 5, 0.001], "live")
    assert [bar.height for bar in chart.bars] == [HEIGHT, HEIGHT / 2, 2]
    assert [bar.x for bar in chart.bars] == [WIDTH / 4, WIDTH / 2, WIDTH * 3 / 4]
    assert all(bar.y + bar.height == HEIGHT for bar in chart.bars)
    assert chart.bars[0].title == "02 Jan: 10"
    assert chart.total == "15.0"
    assert chart.summary == "Minutes: 15.0 in 4 days, at most 10 a day."


def test_nothing_is_no_bar() -> None:
    chart = Chart.of("Conversations", DAYS, [0, 0, 0, 0], "accent")
    assert (chart.bars, chart.total) == ([], "0")
    assert (chart.first, chart.last) == (DAYS[0], DAYS[-1])


def test_numbers_as_people_read_them() -> None:
    assert [said(each) for each in (0, 3, 2.46, 99.95, 1234.5, 12345)] == [
        "0",
        "3",
        "2.5",
        "100.0",
        "1,234",
        "12,345",
    ]


def test_a_day_is_a_stack_of_its_series() -> None:
    series = [
        Series("Text", "accent", [1, 0, 2, 0]),
        Series("Audio", "live", [3, 0, 6, 0]),
        Series("Video", "warn", [0, 0, 0, 0]),
    ]
    chart = Chart.stacked("Tokens", DAYS, series, say=lambda value: f"{value:g}!")
    assert chart.total == "12!"
    assert [(bar.tone, bar.y, bar.height) for bar in chart.bars] == [
        ("accent", HEIGHT - 9, 9),
        ("live", HEIGHT - 36, 27),
        ("accent", HEIGHT - 18, 18),
        ("live", 0, 54),
    ]
    assert chart.bars[1].title == "01 Jan: 3! audio"
    assert [(key.label, key.tone, key.total) for key in chart.legend] == [
        ("Text", "accent", "3!"),
        ("Audio", "live", "9!"),
    ]
    assert chart.saying("much").total == "much"
