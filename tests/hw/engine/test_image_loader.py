import random

import pytest

from offramp.golden.spec.engine import EngineConfig
from offramp.hw.engine.image_loader import ImageLoader

from .simulation import sees, simulate

CONFIG = EngineConfig(activation_bytes=1024)
BASE, STRIDE, WORDS = 32, 128, 7
RATES = {"never": 0.0, "random": 0.5, "mostly": 0.85}

LENGTHS = [WORDS, WORDS, WORDS - 1, WORDS, WORDS + 1, 1, WORDS, WORDS + 9, WORDS, 2 * WORDS, WORDS]
"""Words of images: some end early, some late."""

PATIENCE = 2000
"""Cycles in which an image must be there."""


class Bench:
    """Streams images, grants transfers, works on images that are loaded.

    Parameters
    ----------
    idle, stall, work : float
        Share of cycles in which no word is offered, no transfer is granted, no work is ended.
    lengths : list of int
        Words of images, of which `words` is the right number.
    """

    def __init__(self, block, *, idle=0.0, stall=0.0, work=0.0, lengths=LENGTHS, words=WORDS):
        self._rng = rng = random.Random(f"{idle} {stall} {work}")
        self._loader = block(CONFIG)
        self._idle, self._stall, self._work, self._words = idle, stall, work, words
        lengths = [rng.choice(lengths) for _ in range(40)]
        self._images = [[rng.randrange(1 << 32) for _ in range(n)] for n in (*lengths, words)]
        # beat of each image that is spoiled, one of them in six of all images
        self._spoiled = [rng.choice([None] * 5 + [rng.randrange(n)]) for n in lengths] + [None]
        self._memory = {}
        self._short = self._long = 0
        self.cycles = 0

    def check(self):
        simulate(self._loader, self._use, self._drive, self._grant)
        cases = [
            (len(image), spoiled)
            for image, spoiled in zip(self._images, self._spoiled, strict=True)
        ]
        # what is spoiled is dropped before that
        assert self._short == sum(n < self._words and at is None for n, at in cases)
        assert self._long == sum(
            n > self._words and (at is None or at >= self._words) for n, at in cases
        )
        # nothing is written but images
        places = {BASE + offset + 4 * k for offset in (0, STRIDE) for k in range(self._words)}
        assert set(self._memory) <= places
        return self

    def _is_right(self, image, spoiled):
        return len(image) == self._words and spoiled is None

    async def _drive(self, ctx):
        i = self._loader.i
        for image, spoiled in zip(self._images, self._spoiled, strict=True):
            for place, word in enumerate(image):
                while self._rng.random() < self._idle:
                    await ctx.tick()
                ctx.set(i.valid, 1)
                ctx.set(i.payload.data.as_value(), word)
                last = place == len(image) - 1
                ctx.set(i.payload.last, last)
                ctx.set(i.payload.spoiled, place == spoiled)
                ready = False
                while not ready:
                    _, _, ready, fits = await ctx.tick().sample(i.ready, self._loader.fits)
                    assert not last or fits == self._is_right(image, spoiled)
                ctx.set(i.valid, 0)

    async def _grant(self, ctx):
        loader = self._loader
        while True:
            granted = self._rng.random() >= self._stall
            ctx.set(loader.granted, granted)
            outputs = (loader.transfer, loader.short, loader.long, loader.beyond)
            _, _, transfer, short, long, beyond = await ctx.tick().sample(*outputs)
            assert not beyond
            self._short += short
            self._long += long
            self.cycles += 1
            if transfer.enable and granted:
                assert transfer.enable == 15
                self._memory[transfer.address] = transfer.data.as_bits()

    async def _use(self, ctx):
        loader = self._loader
        ctx.set(loader.image_base, BASE)
        ctx.set(loader.image_stride, STRIDE)
        ctx.set(loader.image_words, self._words)
        pairs = zip(self._images, self._spoiled, strict=True)
        right = [image for image, spoiled in pairs if self._is_right(image, spoiled)]
        for number, image in enumerate(right):
            for _ in range(PATIENCE):
                if ctx.get(loader.loaded):
                    break
                await ctx.tick()
            # images lie in the buffers in turn; whatever is loaded meanwhile, this one stays
            offset = STRIDE * (number % 2)
            places = range(BASE + offset, BASE + offset + 4 * self._words, 4)
            works = True
            while works:
                assert ctx.get(loader.loaded)
                assert ctx.get(loader.offset) == offset
                assert [self._memory.get(place) for place in places] == image
                works = self._rng.random() < self._work
                ctx.set(loader.release, not works)
                await ctx.tick()
            ctx.set(loader.release, 0)
        for _ in range(40):
            await ctx.tick()
            assert not ctx.get(loader.loaded)


@pytest.mark.parametrize("idle", RATES)
@pytest.mark.parametrize("stall", RATES)
@pytest.mark.parametrize("work", ["never", "mostly"])
def test_images_of_the_right_size_are_there_and_no_others(idle, stall, work):
    rates = {"idle": RATES[idle], "stall": RATES[stall], "work": 0.9 * (work == "mostly")}
    Bench(ImageLoader, **rates).check()


@pytest.mark.parametrize("words", [1, 2])
def test_images_of_one_and_two_words(words):
    lengths = [words, words, words + 1, words + 5]
    Bench(ImageLoader, stall=0.3, lengths=lengths, words=words).check()


def test_a_word_is_taken_in_each_cycle():
    words = 30
    bench = Bench(ImageLoader, lengths=[words], words=words).check()
    # an image is there when its last word is in memory: the next begins a cycle later
    assert bench.cycles <= 41 * (words + 2) + 40


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("Mux(begun, none_left, self.image_words == 1)", "none_left"),
        ("Mux(begun, left == 1, self.image_words == 2)", "left == 1"),
        ("self.image_words - 1) - 1", "self.image_words) - 1"),
        ("m.d.sync += dropping.eq(1)", "m.d.sync += dropping.eq(0)"),
        ("dropping.eq(~beat.last)", "dropping.eq(0)"),
        ("final & ~dropping & ~beat.spoiled", "final & ~beat.spoiled"),
        ("final & ~dropping & ~beat.spoiled", "final & ~dropping"),
        ("m.Elif(beat.last & final)", "m.Elif(beat.last | final)"),
        ("take & dropping & beat.last", "take & dropping"),
        ("Mux(begun, address + 4, start)", "Mux(begun, address + 1, start)"),
        ("self.offset.eq(Mux(working, self.image_stride, 0))", "self.offset.eq(0)"),
        ("self.image_base + Mux(filling", "self.image_base + Mux(~filling"),
        ("(~waiting | self.granted)", "1"),
        ("ending & self.granted", "ending"),
        ("filling.eq(~filling)", "filling.eq(filling)"),
        ("working.eq(~working)", "working.eq(working)"),
        ("(full | fills) & ~empties", "full | fills"),
        ("~full.bit_select(filling, 1) & ", ""),
    ],
)
def test_broken_image_loader_is_seen(right, wrong):
    def check_some(block):
        Bench(block, idle=0.2, stall=0.5, work=0.5).check()
        Bench(block, work=0.9).check()
        Bench(block, words=1, lengths=[1, 2, 5]).check()
        Bench(block, words=2, lengths=[1, 2, 5]).check()

    assert sees(check_some, ImageLoader, right, wrong)
