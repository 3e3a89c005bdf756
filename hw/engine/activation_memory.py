"""The activation memory: bytes at any address for the array, aligned words for all else."""

from itertools import pairwise

from amaranth.hdl import Array, Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.engine import EngineConfig
from .deep_memory import DeepMemory
from .payload import Transfer, address_width

__all__ = ["ActivationMemory"]


class ActivationMemory(wiring.Component):
    """Two banks of words of `in_lanes` bytes, word by word in turn.

    The bytes from any address on lie in two words that follow each other, one of each bank: both
    are read, swapped if the first is in the second bank, and shifted.

    Latency: `latency` cycles from `address` to `data`, `word_latency` from `word_address` to
    `word`. One port of each bank reads for the array; the other writes, or reads a word in
    cycles without a write.

    Parameters
    ----------
    config : EngineConfig
    family : str
        See `DeepMemory`.

    Members
    -------
    address : In
        Of the first byte for the array.
    mask : In(in_lanes)
        Bytes that count, one cycle after their address; the others read as 0.
    is_signed : In(1)
        Whether the bytes are int8, not uint8; must not change while some are on their way.
    data : Out(8 [in_lanes])
    signs : Out(in_lanes)
        Of the bytes.
    transfer : In(Transfer)
        What is written, with `enable` 0 if nothing.
    word_address : In
        Of the aligned word that is read if nothing is written.
    word : Out(8 [4])
    """

    latency = 5
    word_latency = 5

    def __init__(self, config: EngineConfig, family: str = "generic"):
        self._config = config
        self._family = family
        address = address_width(config)
        super().__init__(
            {
                "address": In(address),
                "mask": In(config.in_lanes),
                "is_signed": In(1),
                "data": Out(data.ArrayLayout(8, config.in_lanes)),
                "signs": Out(config.in_lanes),
                "transfer": In(Transfer(config)),
                "word_address": In(address),
                "word": Out(data.ArrayLayout(8, 4)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        lanes = self._config.in_lanes
        lane_bits = (lanes - 1).bit_length()
        depth = self._config.activation_bytes // (2 * lanes)

        # -- cycle 1: the word of each bank -------------------------------------------------------
        word = self.address[lane_bits:]
        bank_address = [Signal(range(depth), name=f"bank_address_{bank}") for bank in range(2)]
        m.d.sync += [
            # an odd word is followed by the even one of the next line
            bank_address[0].eq((word + 1) >> 1),
            bank_address[1].eq(word >> 1),
        ]
        place = [Signal(lane_bits + 1, name=f"place_{cycle}") for cycle in range(4)]
        m.d.sync += place[0].eq(self.address[: lane_bits + 1])
        m.d.sync += [after.eq(before) for before, after in pairwise(place)]

        # -- cycles 2 and 3: read, and the register behind it -------------------------------------
        banks = []
        for bank in range(2):
            memory = DeepMemory(8 * lanes, depth, granularity=8, ports=2, family=self._family)
            m.submodules[f"bank_{bank}"] = memory
            m.d.comb += memory.line.eq(bank_address[bank])
            banks.append(memory)
        self._elaborate_word_port(m, banks)
        rows = [data.View(data.ArrayLayout(8, lanes), memory.data) for memory in banks]

        # -- cycle 4: swap, and the coarse half of the shift; cycle 5: the rest -------------------
        odd, offset = place[2][lane_bits], place[2][:lane_bits]
        both = [Mux(odd, rows[1][j], rows[0][j]) for j in range(lanes)]
        both += [Mux(odd, rows[0][j], rows[1][j]) for j in range(lanes)]
        coarse = lanes // 2
        half = Signal(data.ArrayLayout(8, lanes + coarse - 1), reset_less=True)
        for j in range(lanes + coarse - 1):
            m.d.sync += half[j].eq(Mux(offset[-1], both[j + coarse], both[j]))
        fine = place[3][: lane_bits - 1]
        mask = [self.mask, *(Signal(lanes, name=f"mask_{cycle}") for cycle in range(3))]
        m.d.sync += [after.eq(before) for before, after in pairwise(mask)]
        for j in range(lanes):
            shifted = Array(half[j + shift] for shift in range(coarse))[fine]
            m.d.sync += [
                self.data[j].eq(Mux(mask[-1][j], shifted, 0)),
                self.signs[j].eq(mask[-1][j] & self.is_signed & shifted[7]),
            ]
        return m

    def _elaborate_word_port(self, m, banks):
        """Join the second port of both banks."""
        lanes = self._config.in_lanes
        lane_bits = (lanes - 1).bit_length()
        transfer, words = self.transfer, lanes // 4
        writes = transfer.enable.any()
        address = Mux(writes, transfer.address, self.word_address)
        line = Signal.like(banks[0].line, name="word_line")
        bank_select = [Signal(name=f"word_bank_{cycle}") for cycle in range(4)]
        word_select = [Signal(range(max(2, words)), name=f"word_part_{c}") for c in range(3)]
        content = Signal(data.ArrayLayout(8, 4), reset_less=True)
        enables = Signal(data.ArrayLayout(lanes, 2))
        m.d.sync += [
            line.eq(address[lane_bits + 1 :]),
            bank_select[0].eq(address[lane_bits]),
            content.eq(transfer.data),
        ]
        if words > 1:
            m.d.sync += word_select[0].eq(address[2:lane_bits])
        for bank in range(2):
            for part in range(words):
                here = transfer.address[lane_bits] == bank
                if words > 1:
                    here = here & (transfer.address[2:lane_bits] == part)
                m.d.sync += enables[bank][4 * part : 4 * part + 4].eq(Mux(here, transfer.enable, 0))
        for chain in (bank_select, word_select):
            m.d.sync += [after.eq(before) for before, after in pairwise(chain)]
        found = [Signal(32, name=f"word_of_{bank}", reset_less=True) for bank in range(2)]
        for bank, memory in enumerate(banks):
            parts = Array(memory.beside.word_select(part, 32) for part in range(words))
            m.d.comb += [
                memory.write_line.eq(line),
                memory.write_enable.eq(enables[bank]),
                memory.write_data.eq(Cat(content.as_value() for _ in range(words))),
            ]
            m.d.sync += found[bank].eq(parts[word_select[2]] if words > 1 else parts[0])
        m.d.sync += self.word.as_value().eq(Mux(bank_select[3], found[1], found[0]))
