"""The picture of the simulation: a PNG of the policy with other idle times."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.__main__ import main
from bot.simulate import report


def test_the_curve_is_drawn_beside_the_rules_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(report, "IDLE_AFTER", report.IDLE_AFTER[:2])
    path = tmp_path / "curve.png"

    status = main(["simulate", "--seed", "1", "--vms", "5", "--days", "3", "--picture", str(path)])

    assert status == 0
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert "idle_after 1 h: $" in capsys.readouterr().err
