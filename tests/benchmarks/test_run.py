from pathlib import Path

import pytest

from benchmarks import run


def test_options_say_what_is_run() -> None:
    options = run.parse(["--sessions", "10,50", "--seconds", "2", "--roads", "direct, proxy"])
    assert options.sessions == (10, 50)
    assert options.roads == ("direct", "proxy")
    assert (options.seconds, options.rounds, options.write) == (2.0, run.ROUNDS, False)


@pytest.mark.parametrize("options", [["--sessions", "0"], ["--roads", "carrier pigeon"]])
def test_nonsense_is_refused(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run.parse(options)
    assert "invalid" in capsys.readouterr().err


def test_figures_replace_the_last_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "README.md"
    page.write_text(run.README.read_text())
    monkeypatch.setattr(run, "README", page)
    run.write("first figures")
    run.write("second figures")
    text = page.read_text()
    assert "second figures" in text
    assert "first figures" not in text
    assert text.partition(run.MARKS[0])[0] == run_readme().partition(run.MARKS[0])[0]
    assert text.endswith(run_readme().rpartition(run.MARKS[1])[2])


def run_readme() -> str:
    return (Path(run.__file__).parent / "README.md").read_text()


def test_the_machine_is_described_but_not_named() -> None:
    described = run.machine()
    assert "Python 3." in described
    assert Path("/etc/hostname").read_text().strip() not in described
