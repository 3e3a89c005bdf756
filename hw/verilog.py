"""Verilog of a component, with one plainly named port for each field of its interface."""

import os
import re
from dataclasses import dataclass
from importlib.metadata import version

from amaranth.back import verilog
from amaranth.hdl import ClockDomain, ClockSignal, Module, ResetSignal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["AXI_CLOCK", "ClockPorts", "FlatPorts", "Port", "generate_verilog", "port_table"]

# an older Yosys on PATH would write other Verilog
os.environ.setdefault("AMARANTH_USE_YOSYS", "builtin")


@dataclass(frozen=True)
class ClockPorts:
    """Names of the clock and of the synchronous reset, and whether that is active low."""

    clock: str = "clk"
    reset: str = "rst"
    active_low: bool = False

    @property
    def rule(self) -> str:
        """How ports relate to clock and reset, a phrase."""
        active = ", active low" if self.active_low else ""
        return f"all synchronous to the rising edge of {self.clock}; {self.reset} is too{active}"


AXI_CLOCK = ClockPorts("aclk", "aresetn", active_low=True)
"""The names of the AXI standard."""


class Port:
    """A port of the generated module: name, direction, width, sign, and where it leads inside."""

    def __init__(self, name: str, *, is_input: bool, shape, value):
        self.name = name
        self.is_input = is_input
        self.shape = shape
        self.value = value

    @property
    def width(self) -> int:
        """Width in bits."""
        return self.shape.width

    @property
    def signed(self) -> bool:
        """Whether the port is to be read as two's complement."""
        return self.shape.signed

    @property
    def direction(self) -> str:
        """Return ``input`` or ``output``."""
        return "input" if self.is_input else "output"


def _flatten(component: wiring.Component) -> list[Port]:
    """List the ports: ``i.payload.logit`` is ``i_logit``, ``thresholds[0]`` is ``threshold_0``."""
    ports = []
    for path, member, value in component.signature.flatten(component):
        name = "_".join(_plain_parts(path))
        is_input = member.flow is In
        if isinstance(value, data.View):
            for field, _ in value.shape():
                inner = Value.cast(value[field])
                ports.append(
                    Port(f"{name}_{field}", is_input=is_input, shape=inner.shape(), value=inner)
                )
        else:
            plain = Value.cast(value)
            ports.append(Port(name, is_input=is_input, shape=plain.shape(), value=plain))
    return ports


def _plain_parts(path: tuple[str | int, ...]) -> list[str]:
    """Return the parts of a port's name; an element of an array is called in the singular."""
    following = [*path[1:], ""]
    return [
        str(part).removesuffix("s") if isinstance(after, int) else str(part)
        for part, after in zip(path, following, strict=True)
        if part != "payload"
    ]


class FlatPorts(wiring.Component):
    """Wrap a component so that each field of each structure is a port of its own.

    Verilog has no structures: a payload would come out as one wide vector that the user has to
    slice. The wrapper adds names only, no logic.

    Parameters
    ----------
    component : wiring.Component
    name : str
        Name of the inner instance.
    clock : ClockPorts, optional
        Names of clock and reset, if they are not Amaranth's own.
    """

    def __init__(
        self, component: wiring.Component, name: str = "core", clock: ClockPorts | None = None
    ):
        self._component = component
        self._name = name
        self._clock = clock
        self.ports = _flatten(component)
        members = {port.name: (In if port.is_input else Out)(port.shape) for port in self.ports}
        if clock is not None:
            members = {clock.clock: In(1), clock.reset: In(1), **members}
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        if self._clock is not None:
            reset = getattr(self, self._clock.reset)
            m.domains.sync = ClockDomain(local=True)
            m.d.comb += [
                ClockSignal().eq(getattr(self, self._clock.clock)),
                ResetSignal().eq(~reset if self._clock.active_low else reset),
            ]
        m.submodules[self._name] = self._component
        for port in self.ports:
            outer = getattr(self, port.name)
            if port.is_input:
                m.d.comb += port.value.eq(outer)
            else:
                m.d.comb += outer.eq(port.value)
        return m


def port_table(ports: list[Port], clock: ClockPorts) -> list[tuple[str, str, str]]:
    """Return (name, direction, type) of each port, clock and reset first."""
    rows = [(clock.clock, "input", "1 bit"), (clock.reset, "input", "1 bit")]
    for port in ports:
        kind = "signed" if port.signed else "unsigned"
        bits = "1 bit" if port.width == 1 else f"{port.width} bits, {kind}"
        rows.append((port.name, port.direction, bits))
    return rows


_WAIVER = """\
// The parts of the unit are in one file.
/* verilator lint_off DECLFILENAME */
// Registers have the value of their declaration at power-up, and that of the reset after one.
/* verilator lint_off PROCASSINIT */
// A signal inside a part may have the name of the part.
/* verilator lint_off VARHIDDEN */
// Parts are given whole streams, of which they may use some signals only.
/* verilator lint_off UNUSEDSIGNAL */
// Operands are extended to the width of the result, as Verilog defines it: no bit is lost.
/* verilator lint_off WIDTHEXPAND */
// A logical not of a number asks whether it is 0.
/* verilator lint_off WIDTHTRUNC */
// What no case assigns keeps the value assigned before it: no latch.
/* verilator lint_off CASEINCOMPLETE */
// Registers at_start_* have simulators run each process once, whatever its inputs do.
/* verilator lint_off INITIALDLY */
"""


def _without_tool_traces(text: str) -> str:
    """Drop what only Yosys reads: its own header, and attributes inside processes."""
    text = re.sub(r"\A/\* Generated by .*?\*/\s*", "", text, flags=re.DOTALL)
    # A register that makes simulators run each process once at time zero. To do so it must change
    # after all have begun to wait, which a value in its declaration does not in SystemVerilog.
    text = re.sub(r"\\\$auto\$verilog_backend\S*?dump_module\$(\d+) ", r"\\at_start$\1 ", text)
    text = re.sub(
        r"^  reg (\\at_start\$\d+ ) = 0;",
        r"  reg \1;\n  initial \1 <= 1'h0;",
        text,
        flags=re.MULTILINE,
    )
    return re.sub(r"^ *\(\* full_case = 32'd1 \*\)\n", "", text, flags=re.MULTILINE)


def _plain_identifiers(text: str) -> str:
    r"""Write escaped identifiers as plain ones: ``\addend.value `` becomes ``addend_value``.

    A name is taken only once in a module, so no two of its signals ever become one. What a port is
    called, its own module decides: at an instance other names are taken.
    """
    text = _named_ports(text)
    modules = {name: re.sub(r"\W", "_", name) for name in re.findall(r"module \\(\S+) ", text)}
    names: dict[str, dict[str, str]] = {}

    def plain_module(match: re.Match[str]) -> str:
        plain, names_inside = _plain_module(match[0], modules)
        name = re.match(r"module (\w+)", plain)
        assert name is not None
        names[name[1]] = names_inside
        return plain

    def plain_ports(match: re.Match[str]) -> str:
        if match[1] not in names:
            return match[0]
        inside = names[match[1]]
        return re.sub(r"\.\\(\S+) ", lambda port: f".{inside[port[1]]}", match[0])

    text = re.sub(r"^module .*?^endmodule", plain_module, text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"^  (\w+) \w+ \(\n.*?^  \);", plain_ports, text, flags=re.DOTALL | re.MULTILINE)


def _named_ports(text: str) -> str:
    r"""Name ports that Amaranth made of several signals, ``\port$3$0 ``, after what they hold.

    Such a port is called after the signals inside that are its lowest and its highest bits.
    """
    taken = set(re.findall(r"[A-Za-z_]\w*", text))
    names: dict[str, str] = {}
    for port in dict.fromkeys(re.findall(r"\\(port\$\d+\$\d+) ", text)):
        whole = rf"\\{re.escape(port)} "
        parts = re.findall(rf"assign \\?(\S+) = {whole}\[(?:\d+:)?(\d+)\];", text)
        parts += [(name, "0") for name in re.findall(rf"assign \\?(\S+) = {whole};", text)]
        inside = re.findall(rf"assign \\?(\S+) = \{{[^;]*{whole}[^;]*\}};", text)
        if parts:
            low = min(parts, key=lambda part: int(part[1]))[0]
            high = max(parts, key=lambda part: int(part[1]))[0]
            base = low if low == high else f"{low}_to_{high}"
        else:
            base = f"part_of_{inside[-1]}" if inside else "input"
        base = name = re.sub(r"\W+", "_", base).strip("_") + ("_in" if parts else "")
        count = 1
        while name in taken:
            count += 1
            name = f"{base}_{count}"
        taken.add(name)
        names[port] = name
    return re.sub(r"\\(port\$\d+\$\d+) ", lambda match: names[match[1]], text)


def _plain_module(text: str, modules: dict[str, str]) -> tuple[str, dict[str, str]]:
    """Return a module without escaped identifiers but those of instances' ports, and its names."""
    plain = dict(modules)
    taken = set(re.findall(r"[A-Za-z_]\w*", text))
    # the anonymous signal that a register loads is named after the register
    loads = {source: register for register, source in re.findall(r"(\w+) <= \\(\$\d+) ;", text)}

    def rename(match: re.Match[str]) -> str:
        escaped = match[1]
        if escaped not in plain:
            base = f"{loads[escaped]}_next" if escaped in loads else escaped
            # Yosys names what it makes after its own source
            base = re.sub(r"^\$auto\$\S+:(\w+)\$(\d+)$", lambda m: f"{m[1]}_{m[2]}".lower(), base)
            name = re.sub(r"\W+", "_", base).strip("_")
            name = name if name[0].isalpha() else f"n{name}"
            while name in taken:
                name += "_"
            taken.add(name)
            plain[escaped] = name
        # the blank that ends an escaped identifier stays where it separates
        return plain[escaped] + (" " if match[2] else "")

    return re.sub(r"(?<!\.)\\(\S+) ( |(?=[A-Za-z(=]))?", rename, text), plain


def generate_verilog(
    component: wiring.Component,
    name: str,
    facts: dict[str, object],
    clock: ClockPorts | None = None,
) -> str:
    """Return the Verilog of `component` as module `name`, under a header that states `facts`.

    Clock and reset are called ``clk`` and ``rst`` unless `clock` says otherwise.

    The text depends on the component, `facts` and the versions of offramp and Amaranth alone.
    """
    wrapper = FlatPorts(component, clock=clock)
    clock = clock or ClockPorts()
    text = verilog.convert(wrapper, name=name, emit_src=False, strip_internal_attrs=True)
    text = _plain_identifiers(_without_tool_traces(text))
    tools = f"offramp {version('offramp')} with Amaranth {version('amaranth')}"
    lines = [f"{name}: generated by {tools}", ""]
    width = max(map(len, facts), default=0)
    lines += [f"{key:{width}}  {value}" for key, value in facts.items()]
    lines += ["", f"Ports, {clock.rule}:"]
    rows = port_table(wrapper.ports, clock)
    width = max(len(row[0]) for row in rows)
    lines += [f"{port:{width}}  {direction:6}  {kind}" for port, direction, kind in rows]
    header = "".join(f"// {line}".rstrip() + "\n" for line in lines)
    return f"{header}\n{_WAIVER}\n{text}"
