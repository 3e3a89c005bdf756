"""Where a graph with several outputs falls into segments: one backbone, a branch per exit."""

from collections.abc import Sequence

from .graph import UnsupportedModuleError
from .parts import Part
from .spec.decision import EXITS_MAX

Chain = list[Part]
Reach = frozenset[Part]


def cut(
    parts: Sequence[Part],
    exits: Sequence[Part],
    exit_names: Sequence[str],
    taps: Sequence[Part] | None = None,
) -> list[tuple[Chain, Chain]]:
    """Return backbone and branch of each segment.

    Parameters
    ----------
    parts : sequence of Part
        All layers in the order of computation.
    exits : sequence of Part
        The last layer of each branch, in order of depth.
    exit_names : sequence of str
        What messages call them.
    taps : sequence of Part
        The last layer of each backbone; found unless given.

    Raises
    ------
    UnsupportedModuleError
        If there is no such division, saying why.
    """
    reach = {part: _reach(part, parts) for part in parts}
    if taps is None:
        _check_order(exits, exit_names, reach)
        taps = [
            *_early_taps(parts, exits, exit_names, reach),
        ]
        taps.append(_last_tap(parts, exits[-1], taps[-1], reach))
    segments = []
    before: Reach = frozenset()
    for tap, leaf in zip(taps, exits, strict=True):
        behind = reach[tap]
        backbone = [part for part in parts if part in behind - before]
        branch = [part for part in parts if part in reach[leaf] - behind]
        segments.append((backbone, branch))
        before = behind
    return segments


def check_exits(exit_names: Sequence[str]) -> None:
    """Raise unless there are at least two exits, all different, no more than a unit knows."""
    if len(exit_names) < 2:
        raise UnsupportedModuleError(
            "Network must have at least two exits, the final classifier included, "
            f"not {len(exit_names)}"
        )
    if len(exit_names) > EXITS_MAX:
        raise UnsupportedModuleError(
            f"Network must have at most {EXITS_MAX} exits, not {len(exit_names)}"
        )
    for index, name in enumerate(exit_names):
        if name in exit_names[:index]:
            raise UnsupportedModuleError(f"Exits must be different outputs, not {name} twice")


def _reach(part: Part, parts: Sequence[Part]) -> Reach:
    """Return all that a part depends on, itself included."""
    found = {part}
    for earlier in reversed(parts[: parts.index(part) + 1]):
        if earlier in found:
            found |= {source for source in earlier.sources if source is not None}
    return frozenset(found)


def _check_order(
    exits: Sequence[Part], exit_names: Sequence[str], reach: dict[Part, Reach]
) -> None:
    costs = [sum(part.macs for part in reach[leaf]) for leaf in exits]
    for index in range(1, len(exits)):
        if costs[index - 1] > costs[index]:
            first, second = exit_names[index - 1 : index + 1]
            raise UnsupportedModuleError(
                f"Exits must be in order of depth, cheapest first, not {first} "
                f"({costs[index - 1]:,} MACs) before {second} ({costs[index]:,} MACs)"
            )


def _early_taps(
    parts: Sequence[Part],
    exits: Sequence[Part],
    exit_names: Sequence[str],
    reach: dict[Part, Reach],
) -> list[Part]:
    """Return the last layer of the backbone that each early exit reads."""
    taps: list[Part] = []
    backbone = reach[exits[-1]]
    taken: Reach = frozenset()
    for leaf, name in zip(exits[:-1], exit_names[:-1], strict=True):
        readers = [part for part in parts if leaf in part.sources]
        if readers or leaf in backbone:
            where = readers[0].node.place if readers else "another exit"
            raise UnsupportedModuleError(f"Logits of {name} must be read by no layer, not {where}")
        branch = reach[leaf] - backbone
        read = {source for part in branch for source in part.sources} - branch
        if len(read) != 1 or branch & taken:
            raise UnsupportedModuleError(
                f"Branch of {name} must read one layer of one backbone that all exits share, "
                f"not {len(read)} or layers of another branch"
            )
        tap = read.pop()
        if tap is None:
            raise UnsupportedModuleError(
                f"Branch of {name} must begin behind a layer of the backbone, not at the image"
            )
        if taps and (taps[-1] not in reach[tap] or taps[-1] is tap):
            raise UnsupportedModuleError(
                f"Exits must be in order of depth, each behind a layer of its own, not {name} "
                f"at {tap.node.place} behind one at {taps[-1].node.place}"
            )
        taken |= branch
        taps.append(tap)
    return taps


def _last_tap(parts: Sequence[Part], leaf: Part, before: Part, reach: dict[Part, Reach]) -> Part:
    """Return where the final classifier begins: its fully connected layers, and pools before."""
    rest = reach[leaf] - reach[before]
    tail = leaf
    while True:
        source = tail.sources[0]
        if source is None or source not in rest:
            raise UnsupportedModuleError(
                "Final exit must have a layer between the last early exit and its classifier, "
                f"not {leaf.node.place} alone"
            )
        behind = reach[source] - reach[before]
        one_reader = sum(source in part.sources for part in parts) == 1
        joins = source.kind == "linear" or (source.kind == "pool" and tail.kind != "conv")
        if not one_reader or not joins or len(behind) == 1:
            return source
        tail = source
