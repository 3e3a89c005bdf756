import pytest

from offramp.hw.decision.cycles import CycleCounter

from ..axi.bus import simulate


@pytest.mark.parametrize(("n_chunks", "chunk_width"), [(4, 2), (2, 3), (4, 1), (1, 5)])
def test_counter_counts_enabled_cycles_through_all_its_chunks(n_chunks, chunk_width):
    counter = CycleCounter(n_chunks, chunk_width)
    width = n_chunks * chunk_width

    async def testbench(ctx):
        expected = 0
        for cycle in range(3 << width):
            enable = cycle % 5 != 3
            ctx.set(counter.enable, enable)
            await ctx.tick()
            expected = (expected + enable) % (1 << width)
            assert ctx.get(counter.value) == expected
        ctx.set(counter.clear, 1)
        await ctx.tick()
        assert ctx.get(counter.value) == 0

    simulate(counter, testbench)
