"""Text of the standalone benches: templates in Verilog, filled for a configuration."""

import re
from collections.abc import Mapping
from pathlib import Path

from amaranth.hdl import Shape

from ...golden.spec.decision import DecisionConfig
from ...golden.spec.decision_registers import ADDRESS_WIDTH, decision_registers
from ...golden.spec.decision_streams import (
    decision_fields,
    decision_width,
    logit_bytes,
    user_fields,
    user_width,
)
from ...hw.decision.delivery import AXI_MODULE_NAME, MODULE_NAME, PortDescription
from ...hw.decision.settings import REGISTER_OF_SETTING, ExitSettings
from ...hw.decision.timing import has_fixed_latency
from .vectors import FIRST_SETTING, SETTINGS, VectorFile

N_ROUNDS = 4
"""Times that the vectors are decided, each with other stalls."""

_FOLDER = Path(__file__).parent


def bench_name(module: str) -> str:
    """Return the name of the bench's module, and of its file but for the suffix."""
    return f"{module}_tb"


def decision_bench(
    config: DecisionConfig,
    ports: tuple[PortDescription, ...],
    latency: int,
    vectors: VectorFile,
    vectors_name: str,
) -> str:
    """Return the bench of the unit without buses.

    Parameters
    ----------
    config : DecisionConfig
    ports : tuple of PortDescription
        Those of the unit.
    latency : int
        Cycles from the last logit to the decision; the bench measures it.
    vectors : VectorFile
    vectors_name : str
        Name of the file that the bench reads.
    """
    names = [port.name for port in ports]
    inputs = [name for name in names if name.startswith("i_") and name not in _HANDSHAKE]
    outputs = [name for name in names if name.startswith("o_") and name not in _HANDSHAKE]
    rest = [name for name in names if name not in (*inputs, *outputs, *_HANDSHAKE)]
    wired = {name: name for name in (*inputs, *outputs, *_HANDSHAKE, "clk", "rst")}
    for setting, (_, width) in _settings(config).items():
        # a weight's port has the exit before the score
        stem, _, score = setting.partition("_")
        for k in range(config.n_exits):
            port = f"{stem}_{k}_{score}" if score else f"{stem}_{k}"
            wired[port] = f"{setting}s[{k}][{width - 1}:0]"
    unknown = set(rest) - set(wired)
    if unknown:
        raise ValueError(f"Ports must be those of streams and settings, not {sorted(unknown)!r}")
    kinds = {setting: kind for setting, (kind, _) in _settings(config).items()}
    design = fill_template(
        "core.v",
        {
            "NAME": MODULE_NAME,
            "CONNECTIONS": ",\n".join(f"    .{name}({wired[name]})" for name in names),
            "REGISTERS": "\n".join(
                f"  reg [VALUE_BITS - 1:0] {setting}s [0:N_EXITS - 1];" for setting in kinds
            ),
            "SETTINGS": "\n".join(
                f"      4'd{kind}: {setting}s[set_exit] <= set_value;"
                for setting, kind in kinds.items()
            ),
        },
    )
    return _bench(
        MODULE_NAME,
        config,
        vectors,
        design,
        vectors_name=vectors_name,
        latency=latency,
        outputs=outputs,
        what="the exit decision unit",
        fixed=has_fixed_latency(config),
    )


def _settings(config: DecisionConfig) -> dict[str, tuple[int, int]]:
    """Return kind of line and width of each of the settings of an exit that the unit has."""
    layout = ExitSettings(config)
    kinds = {
        setting: FIRST_SETTING + SETTINGS.index(REGISTER_OF_SETTING[setting])
        for setting in layout.members
    }
    return {
        setting: (kind, Shape.cast(layout.members[setting]).width)
        for setting, kind in kinds.items()
    }


def axi_decision_bench(
    config: DecisionConfig, latency: int, vectors: VectorFile, vectors_name: str
) -> str:
    """Return the bench of the unit with buses; arguments as in `decision_bench`."""
    registers = decision_registers(config)
    stride = registers["threshold"].arrays[0].stride
    addresses = {
        "CONTROL": registers["control"].address(),
        "SEEN": registers["seen"].address(0),
        "EXITED": registers["exited"].address(0),
        "STRIDE": stride,
    }
    set_addresses = "".join(
        f"      4'd{kind}: set_address = "
        f"32'h{registers.address(REGISTER_OF_SETTING[setting][0], 0):03x};\n"
        for setting, (kind, _) in _settings(config).items()
    )
    wires = [
        _wire(f"o_{field.name}", _width_of(config, field.name), f"m_axis_tuser[{field.lsb} +: ")
        for field in user_fields(config)
    ]
    wires += [
        _wire(f"o_{field.name}", _width_of(config, field.name), f"m_axis_tdata[{field.lsb} +: ")
        for field in decision_fields(config)
        if field.name in ("exit", "label", "score")
    ]
    design = fill_template(
        "axi.v",
        {
            "NAME": AXI_MODULE_NAME,
            **{name: f"32'h{value:03x}" for name, value in addresses.items()},
            "SET_ADDRESSES": set_addresses.rstrip("\n"),
            "CRITERION": str(FIRST_SETTING + SETTINGS.index(("exit_control", "criterion"))),
            "ADDRESS_BITS": str(ADDRESS_WIDTH),
            "LOGITS": _axi_logits(config),
            "TKEEP": f"{{{logit_bytes(config)}{{1'b1}}}}" if config.lanes == 1 else "s_axis_tkeep",
            "TUSER_BITS": str(user_width(config)),
            "TUSER": ", ".join(f"i_{field.name}" for field in reversed(user_fields(config))),
            "TDATA_OUT_BITS": str(decision_width(config)),
            "ASSIGNMENTS": "\n".join(f"  assign {line};" for line in wires),
        },
    )
    return _bench(
        AXI_MODULE_NAME,
        config,
        vectors,
        design,
        vectors_name=vectors_name,
        latency=latency,
        outputs=["o_exit", "o_label", "o_score", "o_exit_index", "o_tag"],
        what="the exit decision unit with buses",
        fixed=False,
    )


def _axi_logits(config: DecisionConfig) -> str:
    """Return the wires of TDATA, each logit extended to whole bytes; of TKEEP with lanes, too."""
    n_bytes = logit_bytes(config)
    if config.lanes == 1:
        start = f"  wire [{8 * n_bytes} - 1:0] s_axis_tdata = {{"
        return (
            f"{start}{{{8 * n_bytes} - LOGIT_BITS + 1{{i_logit[LOGIT_BITS - 1]}}}},\n"
            f"{' ' * len(start)}i_logit[LOGIT_BITS - 2:0]}};"
        )
    lanes = [
        f"    {{{8 * n_bytes} - LOGIT_BITS + 1{{i_logits[{lane + 1} * LOGIT_BITS - 1]}}}}, "
        f"i_logits[{lane} * LOGIT_BITS +: LOGIT_BITS - 1]"
        for lane in reversed(range(config.lanes))
    ]
    keeps = [f"{{{n_bytes}{{i_keep[{lane}]}}}}" for lane in reversed(range(config.lanes))]
    n_all = config.lanes * n_bytes
    return "\n".join(
        [
            f"  wire [{8 * n_all} - 1:0] s_axis_tdata = {{",
            *(f"{line}," for line in lanes[:-1]),
            f"{lanes[-1]}}};",
            "  // beats before the last are full",
            f"  wire [{n_all} - 1:0] s_axis_tkeep = !i_last ? {{{n_all}{{1'b1}}}} :",
            f"      {{{', '.join(keeps)}}};",
        ]
    )


_HANDSHAKE = ("i_valid", "i_ready", "o_valid", "o_ready")


def _width_of(config: DecisionConfig, name: str) -> int:
    return {
        "logit": config.logit_width,
        "logits": config.lanes * config.logit_width,
        "keep": config.lanes,
        "last": 1,
        "exit": 1,
        "label": config.label_width,
        "score": config.score_format.width,
        "exit_index": config.exit_index_width,
        "tag": config.tag_width,
    }[name]


def _wire(name: str, width: int, part: str) -> str:
    return f"{name} = {part}{width}]"


def _bench(
    name: str,
    config: DecisionConfig,
    vectors: VectorFile,
    design: str,
    *,
    vectors_name: str,
    latency: int,
    outputs: list[str],
    what: str,
    fixed: bool,
) -> str:
    logits = ["logit"] if config.lanes == 1 else ["logits", "keep"]
    inputs = [*logits, "last", "exit_index", *(["tag"] if config.tag_width else [])]
    bits = {
        **{field.name: field.width for field in vectors.fields},
        "logit": config.logit_width,
        "logits": config.lanes * config.logit_width,
        "output": sum(_width_of(config, output.removeprefix("o_")) for output in outputs),
        "line": vectors.n_bits,
    }
    constants = [
        f"  localparam integer N_EXITS = {config.n_exits};",
        f"  localparam integer N_LANES = {config.lanes};",
    ]
    constants += [
        f"  localparam integer {field.name.upper()}_AT = {field.lsb};" for field in vectors.fields
    ]
    constants += [
        f"  localparam integer {key.upper()}_BITS = {width};" for key, width in bits.items()
    ]
    return fill_template(
        "decision_tb.v",
        {
            "NAME": name,
            "DUT": what,
            "VECTORS": vectors_name,
            "N_LINES": str(vectors.n_lines),
            "N_VECTORS": str(vectors.n_vectors),
            "N_ROUNDS": str(N_ROUNDS),
            "LATENCY": str(latency),
            "FIXED": str(int(fixed)),
            "FIELDS": "\n".join(constants),
            "INPUT_REGS": "\n".join(
                f"  reg {_range(_width_of(config, name))}i_{name} = 0;" for name in inputs
            ),
            "OUTPUT_WIRES": "\n".join(
                f"  wire {_range(_width_of(config, name.removeprefix('o_')))}{name};"
                for name in outputs
            ),
            "GARBAGE": "\n".join(f"      i_{name} <= ~i_{name};" for name in inputs),
            "INPUTS": "\n".join(
                f"        i_{name} <= line[{field}_AT +: {width}_BITS];"
                for name, field, width in (
                    ("logit", "VALUE", "LOGIT"),
                    ("logits", "VALUE", "LOGITS"),
                    ("keep", "KEEP", "KEEP"),
                    ("tag", "TAG", "TAG"),
                )
                if name in inputs
            ),
            "LARGEST": "\n".join(
                f"        i_{name} <= {{N_LANES{{{lane}}}}};"
                for name, lane in (
                    ("logit", "1'b0, {LOGIT_BITS - 1{1'b1}}"),
                    ("logits", "1'b0, {LOGIT_BITS - 1{1'b1}}"),
                    ("keep", "1'b1"),
                )
                if name in inputs
            ),
            "OUTPUTS": ", ".join(outputs),
            "COMPARISONS": "\n".join(map(_comparison, outputs)),
            "DESIGN": design.rstrip("\n"),
        },
    )


def _range(width: int) -> str:
    return f"[{width - 1}:0] "


def _comparison(output: str) -> str:
    field = output.removeprefix("o_").upper()
    return (
        f"        if ({output} !== expected[{field}_AT +: {field}_BITS])\n"
        f'          fail("{output} is wrong");'
    )


def fill_template(template: str, values: Mapping[str, str]) -> str:
    """Return a template with a value for each name between at signs."""
    text = (_FOLDER / template).read_text()
    return re.sub(r"@(\w+)@", lambda match: values[match[1]], text)
