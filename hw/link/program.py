"""The sequencer's program: it executes requests and answers them, as `docs/link.md` says."""

from ...golden.spec.engine import EngineConfig
from ...golden.spec.engine_registers import ADDRESS_WIDTH, engine_registers
from ...golden.spec.link import (
    COUNTS,
    CRC_BYTES,
    DATA_BYTES_MAX,
    FLAG,
    MAGIC,
    RESPONSE_BIT,
    RESULT_BYTES,
    STATUS_DATA,
    VERSION_MAJOR,
    VERSION_MINOR,
    WORD_BYTES,
    Kind,
    LinkConfig,
    Status,
)
from .instruction import RECORD_BYTES, Assembler, Condition, Control, MicroProgram, Port
from .sequencer import Sequencer

__all__ = ["link_program"]

# what lies in the words of a request
COUNT_OF_WORDS, NOTE, KIND, SEQUENCE = ((Port.REQUEST, k) for k in range(4))
ADDRESS_LOW, ADDRESS_HIGH, COUNT_LOW, COUNT_HIGH = ((Port.REQUEST, k) for k in range(4))

WAIT_INSTRUCTIONS = 6
"""Instructions of a turn in which the engine takes no word."""

NO_DATA, DONE_COUNT, RECORDS, REGISTERS = range(4)
"""Data of a response."""

# the same in every engine
_REGISTERS = engine_registers(EngineConfig())
LOAD_ADDRESS = _REGISTERS.address("load_address")
LOAD_DATA = _REGISTERS.address("load_data")


def link_program(config: LinkConfig, stall_cycles: int) -> MicroProgram:
    """Return the program of a link; `stall_cycles` as in `ByteLink`."""
    return _LinkProgram(config, stall_cycles).assemble()


class _LinkProgram:
    def __init__(self, config: LinkConfig, stall_cycles: int):
        self._config = config
        self._stall_cycles = stall_cycles
        self._a = Assembler()

    def assemble(self) -> MicroProgram:
        """Return the program."""
        self._declare()
        self._begin()
        self._idle()
        self._receive()
        self._choose()
        self._status()
        self._open()
        self._read()
        self._write()
        self._image()
        self._finish_counted()
        self._results()
        self._finish()
        self._respond()
        self._take_result()
        return self._a.assemble()

    # -- variables ----------------------------------------------------------------------------

    def _declare(self):
        """Lay the data of a status out first: they are sent as records."""
        a, config = self._a, self._config
        values = STATUS_DATA.pack(
            MAGIC, VERSION_MINOR, VERSION_MAJOR, config.buffer_bytes, DATA_BYTES_MAX,
            config.result_slots, config.clock_hz, config.build_hash, 0, 0, 0, 0, 0,
        )  # fmt: skip
        place = 0
        for name, size in (
            ("constants", 20), ("session", 2), ("images", 2), ("image_words", 2), ("released", 2),
            ("load_crc", CRC_BYTES),
        ):  # fmt: skip
            a.declare(name, values[place : place + size])
            place += size

    def _clear_load_crc(self):
        """Store the accumulator, which is 0, as the CRC of nothing."""
        self._a.store(*(_byte("load_crc", k) for k in range(CRC_BYTES)))

    def _increment(self, name: str):
        """Add 1 to a number of 16 bits."""
        a = self._a
        a.load(name)
        a.add(1)
        a.store(name)
        a.load(f"{name}+1")
        a.add(0, with_carry=True)
        a.store(f"{name}+1")

    # -- requests -----------------------------------------------------------------------------

    def _begin(self):
        """Reset: open session 0 without a request. Or open the session of a request."""
        a = self._a
        a.load(0)
        a.store("kind", "address", "address+1", "waiting")
        a.load(0xFF)
        a.store("sequence")
        a.label("open_session")
        a.pulse(Control.RESET)
        a.load("address")
        a.store("session")
        a.load("address+1")
        a.store("session+1")
        a.load("sequence")
        a.add(1)
        a.store("expected")
        a.load(0)
        for name in ("images", "image_words", "released", "results"):
            a.store(name, f"{name}+1")
        self._clear_load_crc()
        a.load("kind")
        a.jump_unless(Condition.ZERO, "finish")

    def _idle(self):
        a = self._a
        a.label("idle")
        a.jump_if(Condition.RESULT, "take_result")
        a.jump_unless(Condition.REQUEST, "idle")

    def _receive(self):
        """Read the header, and find out what is to be done."""
        a = self._a
        a.load(COUNT_OF_WORDS)
        a.subtract(3)
        a.store("words")
        a.load(NOTE)
        a.store("status")
        a.load(KIND)
        a.store("kind")
        a.load(SEQUENCE)
        a.store("sequence")
        a.pulse(Control.NEXT_WORD)
        a.load(ADDRESS_LOW)
        a.store("address")
        a.load(ADDRESS_HIGH)
        a.store("address+1")
        a.load(COUNT_LOW)
        a.store("count")
        a.load(COUNT_HIGH)
        a.store("count+1")
        a.pulse(Control.NEXT_WORD)
        a.load(0)
        a.store("tail")

        a.load("status")
        a.jump_if(Condition.ZERO, "whole")
        a.load(0)
        a.store("words")
        a.load("status")
        a.subtract(Status.REFUSED)
        a.jump_if(Condition.ZERO, "whole")
        a.subtract(Status.FULL - Status.REFUSED)
        a.jump_if(Condition.ZERO, "finish")
        # damaged: nothing is known of it
        a.load(0)
        a.store("kind", "sequence")
        a.jump("finish")

    def _choose(self):
        """Go on by kind, if the number is the right one."""
        a = self._a
        a.label("whole")
        a.load("kind")
        a.jump_if(Condition.ZERO, "bare")
        a.subtract(Kind.OPEN)
        a.jump_if(Condition.ZERO, "bare")
        a.load("sequence")
        a.subtract("expected")
        a.jump_unless(Condition.ZERO, "out_of_sequence")
        a.load("expected")
        a.add(1)
        a.store("expected")
        a.load("status")
        a.jump_unless(Condition.ZERO, "refused")
        a.load("count+1")
        a.jump_unless(Condition.ZERO, "refused")
        a.load("kind")
        for kind in (Kind.READ, Kind.WRITE, Kind.IMAGE, Kind.RESULTS):
            a.subtract(1)
            a.jump_if(Condition.ZERO, kind.name.lower())

        a.label("refused")
        a.load(Status.REFUSED)
        a.label("finish_as")
        a.store("status")
        a.jump("finish")

        a.label("out_of_sequence")
        a.load(Status.SEQUENCE)
        a.jump("finish_as")

        a.label("bare")
        for name in ("status", "count", "count+1", "words"):
            a.load(name)
            a.jump_unless(Condition.ZERO, "refused")
        a.load("kind")
        a.jump_unless(Condition.ZERO, "open")

    def _status(self):
        a = self._a
        # the second page, from its beginning
        a.load(1 << 2)
        a.store("record")
        a.load(STATUS_DATA.size // RECORD_BYTES)
        a.store("records")
        a.load(RECORDS)
        a.store("tail")
        a.jump("finish")

    def _open(self):
        a = self._a
        a.label("open")
        a.load("address")
        a.jump_unless(Condition.ZERO, "open_legal")
        a.load("address+1")
        a.jump_if(Condition.ZERO, "refused")
        a.label("open_legal")
        a.load("address")
        a.subtract("session")
        a.jump_unless(Condition.ZERO, "open_session")
        a.load("address+1")
        a.subtract("session+1")
        a.jump_unless(Condition.ZERO, "open_session")
        a.jump("out_of_sequence")

    def _read(self):
        a = self._a
        a.label("read")
        a.load("words")
        a.jump_unless(Condition.ZERO, "refused")
        self._refuse_count(Kind.READ)
        a.load(REGISTERS)
        a.store("tail")
        a.jump("finish")

    def _refuse_count(self, kind: Kind):
        """Refuse a count out of range."""
        a = self._a
        least, most = COUNTS[kind]
        a.load("count")
        if least:
            a.jump_if(Condition.ZERO, "refused")
        a.subtract(most + 1)
        a.jump_if(Condition.CARRY, "refused")

    def _refuse_other_data(self):
        """Refuse a count that is 0 or not that of the data: those are never too many."""
        a = self._a
        a.load("count")
        a.jump_if(Condition.ZERO, "refused")
        a.subtract("words")
        a.jump_unless(Condition.ZERO, "refused")

    def _set_address(self, beyond: str):
        """Give the address to the bus; jump if it lies above the map."""
        a = self._a
        a.load("address+1")
        # without the bit that says that it is fixed
        a.add("address+1")
        a.subtract(1 << (ADDRESS_WIDTH - 7))
        a.jump_if(Condition.CARRY, beyond)
        a.load("address")
        a.pulse(Control.ADDRESS_LOW)
        a.load("address+1")
        a.pulse(Control.ADDRESS_HIGH)

    def _next_address(self):
        """Go on to the next register, unless the address is fixed."""
        a = self._a
        fixed = a.fresh()
        a.load("address+1")
        a.add("address+1")
        a.jump_if(Condition.CARRY, fixed)
        a.load("address")
        a.add(WORD_BYTES)
        a.store("address")
        a.load("address+1")
        a.add(0, with_carry=True)
        a.store("address+1")
        a.label(fixed)

    def _next_word(self, again: str):
        """Go on to the next word of the data; jump if there is one."""
        a = self._a
        a.pulse(Control.NEXT_WORD)
        a.load("words")
        a.subtract(1)
        a.store("words")
        a.jump_unless(Condition.ZERO, again)

    def _write(self):
        a = self._a
        a.label("write")
        self._refuse_other_data()
        a.label("write_word")
        self._set_address("bus_error")
        a.pulse(Control.WRITE)
        a.label("write_wait")
        a.jump_unless(Condition.WRITTEN, "write_wait")
        a.jump_if(Condition.BUS_ERROR, "write_error")
        a.pulse(Control.ACKNOWLEDGE)
        self._check_load()
        self._next_address()
        self._next_word("write_word")
        a.jump("finish_counted")

        a.label("write_error")
        a.pulse(Control.ACKNOWLEDGE)
        a.label("bus_error")
        a.load(Status.BUS)
        a.store("status")
        a.jump("finish_counted")

    def _check_load(self):
        """Keep the CRC of what is loaded."""
        a = self._a
        a.load("address+1")
        a.add("address+1")
        a.jump_unless(Condition.ZERO, "loaded")
        a.load("address")
        a.subtract(LOAD_DATA)
        a.jump_if(Condition.ZERO, "load_data")
        a.add(LOAD_DATA - LOAD_ADDRESS)
        a.jump_unless(Condition.ZERO, "loaded")
        self._clear_load_crc()
        a.jump("loaded")
        a.label("load_data")
        for k in range(CRC_BYTES):
            a.load(_byte("load_crc", k))
            a.serial(feedback=False)
        for k in range(WORD_BYTES):
            a.load((Port.REQUEST, k))
            a.serial(feedback=True)
        for k in range(CRC_BYTES):
            a.load((Port.CRC, 0))
            a.store(_byte("load_crc", k))
            a.serial(feedback=False)
        a.label("loaded")

    def _image(self):
        a = self._a
        a.label("image")
        self._refuse_other_data()
        a.load("images")
        a.subtract("released")
        a.store("scratch")
        a.load("images+1")
        a.subtract("released+1", with_carry=True)
        a.jump_unless(Condition.ZERO, "refused")
        a.load("scratch")
        a.subtract(self._config.result_slots)
        a.jump_if(Condition.CARRY, "refused")
        self._offer_word()
        self._wait_for_engine()
        self._word_is_taken()

    def _offer_word(self):
        a = self._a
        a.label("image_word")
        turns = self._stall_cycles // (WAIT_INSTRUCTIONS * Sequencer.cycles)
        # counts up to 0
        for k, byte in enumerate(((1 << 24) - max(1, turns)).to_bytes(3, "little")):
            a.load(byte)
            a.store(_byte("turns", k))
        a.load(1)
        a.store("waiting")
        a.load("words")
        a.subtract(1)
        a.jump_unless(Condition.ZERO, "image_inside")
        a.load("address")
        a.jump_unless(Condition.ODD, "image_inside")
        a.pulse(Control.OFFER, Control.LAST)
        a.jump("image_wait")
        a.label("image_inside")
        a.pulse(Control.OFFER)

    def _wait_for_engine(self):
        a = self._a
        a.label("image_wait")
        a.jump_unless(Condition.OFFERING, "image_taken")
        # the engine may wait for its result to be taken
        a.jump_if(Condition.RESULT, "take_result")
        a.load("turns")
        a.add(1)
        a.store("turns")
        a.jump_unless(Condition.CARRY, "image_wait")
        for k in (1, 2):
            a.load(_byte("turns", k))
            a.add(0, with_carry=True)
            a.store(_byte("turns", k))
        a.jump_unless(Condition.CARRY, "image_wait")
        a.pulse(Control.ACKNOWLEDGE)
        a.load(Status.STALLED)
        a.store("status")
        a.jump("image_end")

    def _word_is_taken(self):
        a = self._a
        a.label("image_taken")
        self._increment("image_words")
        self._next_word("image_word")
        a.load("address")
        a.jump_unless(Condition.ODD, "image_end")
        self._increment("images")
        a.load(0)
        a.store("image_words", "image_words+1")
        a.label("image_end")
        a.load(0)
        a.store("waiting")

    def _finish_counted(self):
        """Answer with the number of words that were written or taken."""
        a = self._a
        a.label("finish_counted")
        a.load("count")
        a.subtract("words")
        a.store("done")
        a.load(DONE_COUNT)
        a.store("tail")
        a.jump("finish")

    def _results(self):
        a = self._a
        a.label("results")
        a.load("words")
        a.jump_unless(Condition.ZERO, "refused")
        self._refuse_count(Kind.RESULTS)
        # those from the first wanted one on; there are at most as many as are kept
        a.load("results")
        a.subtract("address")
        a.store("records")
        a.load("results+1")
        a.subtract("address+1", with_carry=True)
        a.jump_unless(Condition.ZERO, "refused")
        a.load("results")
        a.subtract("released")
        a.subtract("records")
        a.jump_unless(Condition.CARRY, "refused")
        a.load("address")
        a.store("released")
        a.add("address")
        a.store("record")
        for _ in range(2):
            a.add("record")
            a.store("record")
        a.load("address+1")
        a.store("released+1")
        a.load("count")
        a.subtract("records")
        a.jump_if(Condition.CARRY, "results_all")
        a.load("count")
        a.store("records")
        a.label("results_all")
        a.load(RECORDS)
        a.store("tail")

    # -- responses ----------------------------------------------------------------------------

    def _finish(self):
        """Skip what is left of the request, its CRC too."""
        a = self._a
        a.label("finish")
        a.pulse(Control.NEXT_WORD)
        a.load("words")
        a.jump_if(Condition.ZERO, "respond")
        a.subtract(1)
        a.store("words")
        a.jump("finish")

    def _send(self, operand, *, feedback: bool = True):
        """Send a byte, and put it into the CRC."""
        a = self._a
        a.load(operand)
        a.serial(feedback=feedback, send=True)

    def _respond(self):
        a = self._a
        a.label("respond")
        # the CRC of nothing
        a.load(0)
        for _ in range(CRC_BYTES):
            a.serial(feedback=False)
        a.load("kind")
        a.add(RESPONSE_BIT)
        a.jump_unless(Condition.CARRY, "respond_kind")
        a.add(RESPONSE_BIT)
        a.label("respond_kind")
        a.serial(feedback=True, send=True)
        for operand in (
            "sequence", "status", "expected", (Port.CREDIT, 0), (Port.CREDIT, 1), "results",
            "results+1",
        ):  # fmt: skip
            self._send(operand)
        a.load("tail")
        a.jump_if(Condition.ZERO, "end")
        a.subtract(DONE_COUNT)
        a.jump_if(Condition.ZERO, "send_count")
        a.subtract(RECORDS - DONE_COUNT)
        a.jump_if(Condition.ZERO, "send_records")
        self._send_registers()
        self._send_count()
        self._send_records()
        self._end()

    def _send_registers(self):
        a = self._a
        a.label("send_registers")
        self._set_address("end")
        a.pulse(Control.READ)
        a.label("read_wait")
        a.jump_unless(Condition.READ, "read_wait")
        a.jump_if(Condition.BUS_ERROR, "read_error")
        # what is done between bytes takes no time: they are sent meanwhile
        self._send((Port.READ_DATA, 0))
        self._next_address()
        self._send((Port.READ_DATA, 1))
        a.load("count")
        a.subtract(1)
        a.store("count")
        self._send((Port.READ_DATA, 2))
        self._send((Port.READ_DATA, 3))
        a.pulse(Control.ACKNOWLEDGE)
        a.load("count")
        a.jump_unless(Condition.ZERO, "send_registers")
        a.jump("end")
        a.label("read_error")
        a.pulse(Control.ACKNOWLEDGE)
        a.jump("end")

    def _send_count(self):
        a = self._a
        a.label("send_count")
        self._send("done")
        self._send(0)
        a.jump("end")

    def _send_records(self):
        a = self._a
        a.label("send_records")
        a.load("records")
        a.jump_if(Condition.ZERO, "end")
        a.subtract(1)
        a.store("records")
        a.load("record")
        a.pulse(Control.POINTER)
        a.add(RECORD_BYTES)
        a.store("record")
        for k in range(RECORD_BYTES):
            self._send(("record", k))
        a.jump("send_records")

    def _end(self):
        a = self._a
        a.label("end")
        for _ in range(CRC_BYTES):
            self._send((Port.CRC, 0), feedback=False)
        a.load(FLAG)
        a.pulse(Control.SEND_FLAG)
        a.jump("idle")

    def _take_result(self):
        """Keep a result that the engine offers, and go on waiting."""
        a = self._a
        a.label("take_result")
        a.load("results")
        a.add("results")
        a.store("scratch")
        for _ in range(2):
            a.add("scratch")
            a.store("scratch")
        a.pulse(Control.POINTER)
        for k in range(RESULT_BYTES):
            a.load((Port.RESULT, k))
            a.store(("record", k))
        a.pulse(Control.TAKE)
        self._increment("results")
        a.load("waiting")
        a.jump_unless(Condition.ZERO, "image_wait")
        a.jump("idle")


def _byte(name: str, number: int) -> str:
    return f"{name}+{number}" if number else name
