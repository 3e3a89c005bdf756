"""What the ports of the engine mean."""

from amaranth.hdl import Fragment, Shape
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from ...golden.spec.engine import EngineConfig
from ...golden.spec.engine_faults import IMAGE_FAULTS, PROGRAM_FAULTS
from ..decision.delivery import PortDescription
from ..verilog import AXI_CLOCK, FlatPorts
from .axi import engine_members
from .engine import Engine

__all__ = ["axi_engine_ports", "engine_ports"]

_MEANINGS = {
    "clk": "clock, rising edge",
    "rst": "reset, active high, synchronous; at least one cycle; memories keep what they hold",
    "i_valid": "a word of an image is offered; once high it stays, with all `i_` signals",
    "i_ready": "the word is taken at this edge if `i_valid`",
    "i_data": "four bytes, channel-last, the first in the lowest bits",
    "i_last": "it is the image's last",
    "i_spoiled": "the image is to be dropped",
    "o_valid": "a result is offered; it stays, with all `o_` signals, until taken",
    "o_ready": "the result is taken at this edge if `o_valid`",
    "o_label": "class, the lowest of several",
    "o_exit_index": "exit at which the image left",
    "o_score": "log-odds of the class there",
    "o_cycles": "from the start of the image to the decision",
    "load_memory": "memory of the word to be written: 0 program, 1 channels, 2 weights",
    "load_address": "its place, in words",
    "load_data": "the word",
    "load_enable": "write it at this edge; only while no image is inside",
    "enable": "work on images that are there",
    "busy": "an image is worked on",
    "counting": "it is, and waits neither for `hold` to end nor for the receiver",
    "hold": "begin no operation",
    "held": "an operation waits for `hold` to end",
    "peek_address": "byte address in the activation memory, while held or without an image",
    "peek_word": "the four bytes there, 4 cycles later",
    "image_fits": "the word that is offered, if it is a last one, ends an image that counts",
    "image_base": "byte address of the first image buffer, a multiple of 4",
    "image_stride": "bytes to the second one",
    "image_words": "words of an image",
}

_AXI = {
    "s_axis_t": "images",
    "m_axis_t": "results",
    "s_axil_aw": "registers, write address",
    "s_axil_w": "registers, write data",
    "s_axil_b": "registers, write response",
    "s_axil_ar": "registers, read address",
    "s_axil_r": "registers, read data",
}

_SIGNALS = {
    "data": "data",
    "keep": "bytes that are there",
    "last": "end of the packet",
    "addr": "byte address",
    "prot": "ignored",
    "strb": "bytes to be written, all of them",
    "resp": "OKAY or SLVERR",
    "valid": "the transmitter offers the others",
    "ready": "the receiver takes them",
}


def engine_ports(config: EngineConfig) -> tuple[PortDescription, ...]:
    """Return the ports of the engine without buses, clock and reset first."""
    flat = FlatPorts(Engine(config))
    # Amaranth warns of components that are never elaborated
    Fragment.get(flat, None)
    meanings = {
        **_MEANINGS,
        **{f"faults_{name}": text for name, text in (IMAGE_FAULTS | PROGRAM_FAULTS).items()},
        **{
            f"threshold_{k}": f"signed; score from which on exit {k} is taken"
            for k in range(config.decision.n_exits)
        },
    }
    ports = [PortDescription(name, "input", 1, meanings[name]) for name in ("clk", "rst")]
    ports += [
        PortDescription(port.name, port.direction, port.width, meanings[port.name])
        for port in flat.ports
    ]
    return tuple(ports)


def axi_engine_ports() -> tuple[PortDescription, ...]:
    """Return the ports of the engine with buses, the same for every configuration."""
    ports = [
        PortDescription(AXI_CLOCK.clock, "input", 1, "clock, rising edge"),
        PortDescription(
            AXI_CLOCK.reset,
            "input",
            1,
            "reset, active low, synchronous; memories keep what they hold",
        ),
    ]
    for path, member in wiring.Signature(engine_members()).members.flatten():
        if member.is_signature:
            continue
        name = "_".join(path)
        channel = next((channel for channel in _AXI if name.startswith(channel)), "")
        text = "an error is set that is enabled"
        if channel:
            text = f"{_AXI[channel]}: {_SIGNALS[name.removeprefix(channel)]}"
        direction = "input" if member.flow is In else "output"
        ports.append(PortDescription(name, direction, Shape.cast(member.shape).width, text))
    return tuple(ports)
