"""Coverage of the unit: all lines, all branches, all bits that can change."""

from pathlib import Path

from offramp.golden.spec.decision import DecisionConfig
from offramp.rtl_sim.coverage import measure_coverage

CONFIG = DecisionConfig(n_classes=4, logit_width=5, fraction_bits=2, mantissa_bits=5, tag_width=4)


def test_bench_reaches_all_lines_and_branches_and_nearly_all_bits(tmp_path: Path) -> None:
    report = measure_coverage(CONFIG, work=tmp_path)
    assert report.reached["line"] == report.points["line"] > 50
    assert report.reached["branch"] == report.points["branch"] > 50
    unexplained = [gap for gap in report.gaps if gap.reason is None]
    assert len(unexplained) <= report.points["toggle"] / 100
    assert len(report.gaps) == sum(report.points.values()) - sum(report.reached.values())
