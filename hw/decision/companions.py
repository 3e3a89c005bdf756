"""What is given with the last logit of a vector, for its decision."""

from amaranth.hdl import Signal

__all__ = ["companion_names", "kept_companions"]


def companion_names(config):
    """Return the names of what is given: fields of `LogitBeat` and of `Decision`."""
    # an index that can but be 0 is worth its registers only where samples are told apart
    names = ["exit_index"] if config.n_exits > 1 or config.tag_width else []
    return names + (["tag"] if config.tag_width else [])


def kept_companions(m, config, beat, valid):
    """Return registers, by name, that hold it from a last beat to the next one."""
    widths = {"exit_index": config.exit_index_width, "tag": config.tag_width}
    kept = {
        name: Signal(widths[name], name=f"last_{name}", reset_less=True)
        for name in companion_names(config)
    }
    with m.If(valid & beat.last):
        for name, companion in kept.items():
            m.d.sync += companion.eq(beat[name])
    return kept
