"""Results become a page, a chart and a file, and come back from it."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks import report
from benchmarks.__main__ import KEPT
from benchmarks.chart import svg
from benchmarks.report import BEGIN, END, Bar, Results, Row, Section, Table
from benchmarks.rows import LASTING, ROWS

REACHED = Row("speed", "90", "a peer", "30", "3.0 times", "2 times", reached=True)
MISSED = Row("memory", "500 MiB", "", "", "", "under 400 MiB", reached=False)
ABSENT = Row("speed", "90", "another", "-", "-", "1 times", reached=None, note="`mvn` is not on this machine")
SECTION = Section(
    [REACHED, MISSED, ABSENT], [Table("Rounds", ("round", "a second"), [("1", "90")])], [Bar("ours", 90.0, ours=True)]
)
RESULTS = Results({"light": SECTION}, {"processor": "two cores"})


def test_a_page_says_what_was_reached_what_was_not_and_what_was_left_out() -> None:
    page = report.page(RESULTS, ["light"], "chart.svg")
    assert "| speed | 90 | a peer | 30 | 3.0 times | 2 times | reached |" in page
    assert "| under 400 MiB | **not reached** |" in page
    assert "not judged: `mvn` is not on this machine" in page
    assert "### Rounds" in page
    assert "(chart.svg)" in page


def test_results_are_written_between_the_markers_and_nowhere_else(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", "utf-8")
    report.write(document, "new")
    report.write(document, "newer")
    assert document.read_text("utf-8") == f"before\n{BEGIN}\n\nnewer\n\n{END}\nafter\n"


def test_a_page_without_markers_is_left_alone(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("mine\n", "utf-8")
    with pytest.raises(ValueError, match="lost the markers"):
        report.write(document, "new")
    assert document.read_text("utf-8") == "mine\n"


def test_kept_results_come_back(tmp_path: Path) -> None:
    path = tmp_path / "results" / "kept.json"
    assert Results.load(path) == Results({}, {})
    RESULTS.save(path)
    assert report.page(Results.load(path), ["light"], "c") == report.page(RESULTS, ["light"], "c")


def test_each_row_says_its_day_its_code_its_broker_and_the_machines_pace() -> None:
    told = Section([REACHED], paces=(120, 140), day="2026-11-26", commit="d93b95f+", broker="4.2.2")
    page = report.page(Results({"light": told, "real": SECTION}, {}), ["light", "real"], "chart.svg")
    assert "| light | 2026-11-26 | d93b95f+ | 4.2.2 | 120 and 140 |" in page
    assert "| real | – | – | – | – |" in page


def test_a_row_measured_anew_leaves_the_others_as_they_were_measured(tmp_path: Path) -> None:
    former = Section([REACHED], paces=[1, 2], day="2026-11-25", commit="aaaaaaa", broker="4.3.1")
    newer = Section([MISSED], paces=[1, 2], day="2026-11-26", commit="bbbbbbb", broker="4.2.2")
    path = tmp_path / "kept.json"
    Results({"light": former, "real": former}, {}).after({"real": newer}, {}, ()).save(path)
    assert Results.load(path).sections == {"light": former, "real": newer}


def growing(*events: str) -> Section:
    return Section([REACHED], [Table("Growing inputs", ("events", "µs"), [(count, "80") for count in events])])


@pytest.mark.parametrize(
    ("former", "measured", "kept"),
    [
        (("100,000", "3,000,000", "100,000"), ("100,000", "1,000,000"), "3,000,000"),
        (("100,000", "1,000,000"), ("100,000", "3,000,000", "100,000"), "3,000,000"),
        (("0", "60", "601"), ("0", "600"), "600"),  # as long, but for the second in which it ended
        ((), ("100,000",), "100,000"),
    ],
)
def test_a_shorter_measurement_does_not_replace_a_longer_one(
    former: tuple[str, ...], measured: tuple[str, ...], kept: str
) -> None:
    before = Results({"growth": growing(*former)} if former else {}, {})
    after = before.after({"growth": growing(*measured)}, {"last run": "today"}, {"growth"})
    assert kept in {line[0] for line in after.sections["growth"].tables[0].lines}
    assert after.machine == {"last run": "today"}


def test_a_shorter_one_replaces_what_does_not_depend_on_its_length() -> None:
    before = Results({"light": growing("1,000,000")}, {})
    assert before.after({"light": growing("1,000")}, {}, {"growth"}).sections["light"] == growing("1,000")


def test_the_rows_that_last_are_rows_and_their_kept_results_have_a_length() -> None:
    kept = Results.load(KEPT)
    assert set(ROWS) >= LASTING
    assert {name: kept.sections[name].length >= 60 for name in LASTING} == dict.fromkeys(LASTING, True)


def test_a_chart_is_an_image_whose_longest_bar_is_the_largest_value() -> None:
    drawn = ET.fromstring(svg("A & B", [Bar("a<b", 100.0), Bar("ours", 400.0, ours=True)]))  # noqa: S314
    space = "{http://www.w3.org/2000/svg}"
    widths = [float(bar.attrib["width"]) for bar in drawn.findall(f"{space}rect")[1:]]
    assert widths[1] == pytest.approx(4 * widths[0], abs=0.2)
    assert "400" in [text.text for text in drawn.findall(f"{space}text")]
