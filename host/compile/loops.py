"""The loops of an operation: how it walks over the tensor that it reads."""

from typing import Any

from ...golden.spec.layers import MaxPool, Windowed
from ...golden.spec.layout import TensorLayout

Fields = dict[str, Any]
"""Fields of `Operation` by name."""

NO_PADDING = (0, 0, 0, 0)


def sliding_loops(
    source: TensorLayout,
    layer: Windowed | None,
    pool: MaxPool | None,
    padding: tuple[int, int, int, int] = NO_PADDING,
    pack: int = 1,
) -> Fields:
    """Return the loops of a window over a tensor.

    Output pixels are those of `pool` where there is one, and its window that of the operation:
    pixels of `layer` that no window has are not computed.

    Parameters
    ----------
    source : TensorLayout
    layer : Windowed or None
        What the array computes; None for pixel by pixel.
    pool : MaxPool or None
    padding : tuple of int
        Of `layer`: top, bottom, left, right.
    pack : int
        Output pixels that a tile has side by side.
    """
    height, width, _ = source.shape
    row, column = source.row_step, source.pixel_step
    stride = 1 if layer is None else layer.stride
    shape = source.shape if layer is None else layer.out_shape
    fields: Fields = {
        "row_start": -padding[0] * row,
        "row_limit": height * row,
        "kernel_row_step": row,
        "out_row_step": stride * row,
        "column_start": -padding[2] * column,
        "column_limit": width * column,
        "kernel_column_step": column,
        "out_column_step": stride * column,
        "kernel_rows": 1 if layer is None else layer.kernel[0],
        "out_rows": shape[0],
        "out_columns": shape[1],
    }
    if pool is not None:
        fields |= {
            "window_row_step": stride * row,
            "window_column_step": stride * column,
            "out_row_step": pool.stride * stride * row,
            "out_column_step": pool.stride * stride * column,
            "window_rows": pool.kernel[0],
            "window_columns": pool.kernel[1],
            "out_rows": pool.out_shape[0],
            "out_columns": pool.out_shape[1],
        }
    fields["out_column_step"] *= pack
    fields["out_columns"] = -(-fields["out_columns"] // pack)
    return fields


def run_loops(n_bytes: int, in_lanes: int, most_steps: int) -> Fields:
    """Return the loops of one run over bytes that follow each other, as few runs as can be."""
    steps = -(-n_bytes // in_lanes)
    runs = -(-steps // most_steps)
    run_steps = -(-steps // runs)
    return {
        "row_limit": 1,
        "column_limit": n_bytes,
        "kernel_columns": runs,
        "kernel_column_step": run_steps * in_lanes if runs > 1 else 0,
        "run_steps": run_steps,
    }
