"""The controller alone, beside parts that take any time; whole it is tested in the emulator."""

import random

import pytest

from offramp.golden.spec.engine import EngineConfig
from offramp.hw.engine.controller import Controller

from .simulation import sees, simulate

CONFIG = EngineConfig()

PROGRAM = [(0, 1), (1, 1), (0, 1), (0, 1), (1, 2), (0, 1), (1, 3)]
"""Of each operation whether it has logits, and its exit index; the last is final."""

EXITS = [place for place, (logits, _) in enumerate(PROGRAM) if logits]
CYCLES_MAX = 5000


class Bench:
    """Plays all other parts of the engine, each as late as it likes, and notes what begins."""

    def __init__(self, block, seed=0, n_images=12):
        self._rng = rng = random.Random(seed)
        self._controller = block(CONFIG)
        self._leaves = [rng.choice(EXITS) for _ in range(n_images)]
        self._due = {}  # in how many cycles a part says that it is done
        self._begun = []
        self._expected = []
        self._results = []
        self._released = 0
        self._draining = self._fetched = False

    def check(self):
        simulate(self._controller, self._play)
        assert self._begun == [list(range(place + 1)) for place in self._leaves]
        assert self._released == len(self._leaves)
        assert self._results == self._expected

    async def _play(self, ctx):
        controller = self._controller
        for now in range(CYCLES_MAX):
            if len(self._results) == len(self._leaves):
                break
            said = self._say(ctx)
            self._see(ctx, now, said)
            await ctx.tick()
            if said["fetched"]:
                logits, exit_index = PROGRAM[self._place]
                ctx.set(controller.descriptor.logits, logits)
                ctx.set(controller.descriptor.final, self._place == len(PROGRAM) - 1)
                ctx.set(controller.descriptor.exit_index, exit_index - 1)

    def _say(self, ctx):
        """Set the inputs of this cycle."""
        controller, rng = self._controller, self._rng
        # the words for the drain are fetched behind it
        ready = {name: due <= 0 for name, due in self._due.items()}
        ready["fetched"] = ready.get("fetched", False) and not self._draining
        said = {
            name: ready.get(name, False) for name in ("fetched", "issued", "drained", "decided")
        }
        self._due = {name: due - 1 for name, due in self._due.items() if not said.get(name)}
        for name, value in said.items():
            ctx.set(getattr(controller, name), value)
        if said["decided"]:
            self._decision = (rng.randrange(10), rng.randrange(-200, 200))
            # the final operation is the last whatever the decision is
            leaves = self._place == self._leaves[len(self._begun) - 1] < len(PROGRAM) - 1
            ctx.set(controller.decision.exit, leaves)
            ctx.set(controller.decision.label, self._decision[0])
            ctx.set(controller.decision.score, self._decision[1])
        ctx.set(controller.enable, 1)
        ctx.set(controller.loaded, len(self._begun) < len(self._leaves) or ctx.get(controller.busy))
        ctx.set(controller.hold, rng.random() < 0.3)
        ctx.set(controller.o.ready, rng.random() < 0.05)
        return said

    def _see(self, ctx, now, said):
        """Look at the outputs of this cycle, and at what must follow."""
        controller, rng = self._controller, self._rng
        assert ctx.get(controller.draining) == self._draining
        waits = self._fetched
        assert ctx.get(controller.held) == (waits and ctx.get(controller.hold))
        assert ctx.get(controller.start) == (waits and not ctx.get(controller.hold))
        if ctx.get(controller.start):
            self._begun[-1].append(self._place)
            self._due["issued"] = rng.randrange(5)
            self._draining, self._fetched = True, False
        if said["fetched"]:
            self._fetched = True
        if said["issued"]:
            self._due["drained"] = rng.randrange(5)
        if said["drained"]:
            self._draining = False
            if PROGRAM[self._place][0] and self._place == self._begun[-1][-1]:
                self._due["decided"] = rng.randrange(5)
        if said["decided"] and self._place == self._leaves[len(self._begun) - 1]:
            exit_index = PROGRAM[self._place][1]
            self._expected.append((*self._decision, exit_index - 1, now - self._requested - 1))
        if ctx.get(controller.request):
            assert "fetched" not in self._due
            if ctx.get(controller.busy):
                self._place += 1
                assert self._place < len(PROGRAM), "the final operation is the last"
            else:
                self._place, self._requested = 0, now
                self._begun.append([])
            self._due["fetched"] = rng.randrange(5)
        self._released += ctx.get(controller.release)
        # a result waits for its receiver, the next image does not wait for that
        if ctx.get(controller.o.valid) and ctx.get(controller.o.ready):
            result = controller.o.payload
            values = (result.label, result.score, result.exit_index, result.cycles)
            self._results.append(tuple(map(ctx.get, values)))


@pytest.mark.parametrize("seed", range(6))
def test_operations_follow_each_other_up_to_the_exit_that_is_taken(seed):
    Bench(Controller, seed).check()


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("self.decision.exit | self.descriptor.final", "self.decision.exit"),
        ("self.issued & self.descriptor.logits", "self.issued"),
        ("self.start.eq(~self.hold)", "self.start.eq(1)"),
        ("with m.If(~self.hold)", "with m.If(1)"),
        ("self.held.eq(self.hold)", "self.held.eq(0)"),
        ("with m.Elif(self.drained)", "with m.Elif(self.issued)"),
        ("with m.If(self.fetched)", "with m.If(1)"),
        ("~self.o.valid | self.o.ready", "1"),
        ("Mux(waits, 0, ", "Mux(0, 0, "),
        ("self.release.eq(1)", "self.release.eq(0)"),
    ],
)
def test_broken_controller_is_seen(right, wrong):
    assert sees(lambda block: Bench(block).check(), Controller, right, wrong)
