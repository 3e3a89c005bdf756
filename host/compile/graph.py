"""From layers in chains to steps that one operation each computes, in an order that can run."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ...golden.spec.layers import (
    CHAIN_INPUT,
    Convolution,
    FullyConnected,
    Layer,
    MaxPool,
    ResidualAdd,
    Shape,
)
from ...golden.spec.topology import Topology

IMAGE = CHAIN_INPUT
"""Name of the tensor that the image is; no layer has it."""

COPY = " copy"
"""Follows the name of a tensor in that of its copy; no layer's name has a space."""


@dataclass(frozen=True, kw_only=True)
class Sharing:
    """Lines of weights that a classifier has in common with another step.

    Attributes
    ----------
    host : str
        Name of that step.
    first_lane : int
        First lane that it leaves idle.
    groups : int
        Groups of output channels that these lanes need.
    """

    host: str
    first_lane: int
    groups: int


@dataclass(frozen=True, kw_only=True)
class Step:
    """One operation to be.

    Attributes
    ----------
    main : Layer or None
        The layer that the array computes; None copies.
    source : str
        Tensor that it reads.
    add : ResidualAdd or None
        Addition in the drain; alone it is the addition to a copy.
    residual : str or None
        Its other operand.
    swapped : bool
        Whether that is the layer's first operand.
    pool : MaxPool or None
        Maximum in the drain; alone it is that of a copy.
    exit_index : int or None
        Exit whose logits these are.
    pack : int
        Pixels side by side that a tile computes together, see `offramp.host.compile.packing`.
    dense : bool
        Whether they follow each other in memory without padding.
    sharing : Sharing or None
        Whose lines of weights it has, see `offramp.host.compile.sharing`.
    shape : Shape
        Of the source.
    signed : bool
        Of the source.
    """

    source: str
    shape: Shape
    signed: bool
    main: Layer | None = None
    add: ResidualAdd | None = None
    residual: str | None = None
    swapped: bool = False
    pool: MaxPool | None = None
    exit_index: int | None = None
    pack: int = 1
    dense: bool = False
    sharing: Sharing | None = None

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All layers of the step, in the order of computation."""
        return tuple(layer for layer in (self.main, self.add, self.pool) if layer is not None)

    @property
    def name(self) -> str:
        """Name of the tensor that the step writes."""
        return self.layers[-1].name if self.layers else self.source + COPY

    @property
    def out_shape(self) -> Shape:
        """Shape of what the step writes."""
        return self.layers[-1].out_shape if self.layers else self.shape

    @property
    def place(self) -> str:
        """Name of the first layer, for messages; of what a copy copies."""
        return self.layers[0].name if self.layers else self.source

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the tensors that the step reads, the source first."""
        return (self.source,) if self.residual is None else (self.source, self.residual)


def steps_of(topology: Topology, *, fuse: bool = True, branches: bool = True) -> list[Step]:
    """Return the steps of a network, in the order in which they run.

    Parameters
    ----------
    topology : Topology
    fuse : bool
        Compute additions and pools in the drain of the layer before where only they read it.
    branches : bool
        Have the branches of early exits, not only the final classifier.
    """
    steps = {step.name: step for step in _single_steps(topology, branches=branches)}
    if fuse:
        _fuse(steps)
    _copy_image(steps)
    return _in_order(steps)


def _single_steps(topology: Topology, *, branches: bool) -> Iterator[Step]:
    """Iterate over one step for each layer, its operands by the names of their tensors."""
    chain_input = IMAGE
    for index, segment in enumerate(topology.segments):
        final = index == topology.n_exits - 1
        yield from _chain(segment.backbone, chain_input, None)
        chain_input = segment.backbone[-1].name
        if branches or final:
            yield from _chain(segment.branch, chain_input, index)


def _chain(layers: Sequence[Layer], chain_input: str, exit_index: int | None) -> Iterator[Step]:
    previous = chain_input
    for layer in layers:
        names = {None: previous, CHAIN_INPUT: chain_input}
        operands = [names.get(source, source) for source in layer.sources]
        source = operands[0]
        assert source is not None
        step = Step(source=source, shape=layer.in_shape, signed=layer.in_format.signed)
        if isinstance(layer, ResidualAdd):
            step = replace(step, add=layer, residual=operands[1])
        elif isinstance(layer, MaxPool):
            step = replace(step, pool=layer)
        else:
            logits = layer is layers[-1] and exit_index is not None
            step = replace(step, main=layer, exit_index=exit_index if logits else None)
        yield step
        previous = layer.name


def _fuse(steps: dict[str, Step]) -> None:
    """Merge additions and pools into the steps before, in place; names are of the last layer."""
    readers: Mapping[str, int] = _readers(steps)

    def computed(name: str | None) -> Step | None:
        """Return the step of a convolution that is read once, hence can do more."""
        step = steps.get(name or "")
        if step is None or readers[step.name] != 1 or step.exit_index is not None:
            return None
        alone = len(step.layers) == 1 and isinstance(step.main, (Convolution, FullyConnected))
        return step if alone else None

    for step in list(steps.values()):
        if step.main is None and step.pool is not None:
            before = computed(step.source)
            if before is not None and max(step.pool.kernel) <= step.pool.stride:
                _merge(steps, before, replace(before, pool=step.pool))
        elif step.main is None and step.add is not None:
            first, second = computed(step.source), computed(step.residual)
            # the longer tile hides more of the longer drain
            if first is not None and (second is None or _macs(first) >= _macs(second)):
                _merge(steps, first, replace(first, add=step.add, residual=step.residual))
            elif second is not None:
                merged = replace(second, add=step.add, residual=step.source, swapped=True)
                _merge(steps, second, merged)


def _merge(steps: dict[str, Step], before: Step, merged: Step) -> None:
    """Put `merged` where `before` is; the step whose name it has goes."""
    del steps[merged.name]
    order = {merged.name if name == before.name else name: step for name, step in steps.items()}
    order[merged.name] = merged
    steps.clear()
    steps.update(order)


def _macs(step: Step) -> int:
    return sum(layer.macs for layer in step.layers)


def _readers(steps: Mapping[str, Step]) -> Mapping[str, int]:
    count: dict[str, int] = defaultdict(int)
    for step in steps.values():
        for name in step.reads:
            count[name] += 1
    return count


def _copy_image(steps: dict[str, Step]) -> None:
    """Copy the image where it is a residual operand: those have the layout of the output.

    And they do not follow the image from buffer to buffer.
    """
    for name, step in list(steps.items()):
        if step.residual == IMAGE and step.add is not None:
            copy = Step(source=IMAGE, shape=step.add.in_shape, signed=False)
            steps[name] = replace(step, residual=copy.name)
            rest = {key: value for key, value in steps.items() if key != copy.name}
            steps.clear()
            steps.update({copy.name: copy, **rest})


def _in_order(steps: Mapping[str, Step]) -> list[Step]:
    """Return the steps so that each comes behind what it reads, else in their order."""
    done = {IMAGE}
    waiting = list(steps.values())
    ordered = []
    while waiting:
        step = next(step for step in waiting if done.issuperset(step.reads))
        waiting.remove(step)
        ordered.append(step)
        done.add(step.name)
    return ordered
