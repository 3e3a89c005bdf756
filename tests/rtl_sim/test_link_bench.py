"""The cocotb bench of the engine behind a UART is green."""

from pathlib import Path

from offramp.golden.spec.engine import EngineConfig
from offramp.golden.spec.link import LinkConfig
from offramp.rtl_sim.link_bench import run_link_bench

CONFIG = EngineConfig(activation_bytes=1024, weight_lines=16, channel_lines=16, program_words=32)
LINK = LinkConfig(clock_hz=8_000_000, baud=1_000_000, buffer_bytes=512)


def test_engine_behind_a_uart_passes_its_bench(tmp_path: Path) -> None:
    result = run_link_bench(CONFIG, LINK, work=tmp_path)
    assert result.passed == 9
    assert result.skipped == 0
