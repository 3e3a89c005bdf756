"""What is done to the image per channel before its first layer: normalisation, folded into it."""

import math
from dataclasses import dataclass

import numpy as np

from .graph import Affine, Reals


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageScale:
    """The first layers read ``gain * image + offset`` per channel.

    Parameters
    ----------
    gain, offset : float64 [C]
    terms : float64 [C]
        Sum of the magnitudes of all that `offset` was made of.
    """

    gain: Reals
    offset: Reals
    terms: Reals

    @classmethod
    def of_normalization(
        cls, mean: tuple[float, ...], std: tuple[float, ...], n_channels: int
    ) -> "ImageScale | None":
        """Return what ``(image - mean) / std`` is, None if it is the image itself.

        Raises
        ------
        ValueError
            If there is not one finite number for all channels or for each, or a `std` is not
            positive.
        """
        for thing, values in (("Mean", mean), ("Standard deviation", std)):
            low = 0.0 if values is std else -math.inf
            if len(values) not in {1, n_channels} or not all(low < x < math.inf for x in values):
                raise ValueError(
                    f"{thing} of the images must be 1 or {n_channels} "
                    f"{'positive' if values is std else 'finite'} numbers, not {values!r}"
                )
        if set(mean) == {0.0} and set(std) == {1.0}:
            return None
        gain = 1 / np.array(std, np.float64)
        return cls.identity(n_channels).then(Affine(gain=gain, terms=(-np.array(mean) * gain,)))

    @classmethod
    def identity(cls, n_channels: int) -> "ImageScale":
        """Return what leaves the image as it is."""
        zeros = np.zeros(n_channels)
        return cls(gain=np.ones(n_channels), offset=zeros, terms=zeros)

    def then(self, operation: Affine) -> "ImageScale":
        """Return this with an operator behind it."""
        return ImageScale(
            gain=self.gain * operation.gain,
            offset=self.offset * operation.gain + sum(operation.terms),
            terms=self.terms * np.abs(operation.gain)
            + sum(np.abs(term) for term in operation.terms),
        )

    @property
    def moves_zero(self) -> bool:
        """Whether zeros around the image are not zeros around what its layer reads."""
        return bool(self.offset.any())

    def into(self, weight: Reals, bias: Reals, groups: int = 1) -> tuple[Reals, Reals, Reals]:
        """Return weight and bias that do the same to the image itself, and the bias's terms.

        Parameters
        ----------
        weight : float64 [out, ..., C / groups]
            Channel-last.
        bias : float64 [out]
        groups : int
        """
        rows = np.arange(len(weight)) // (len(weight) // groups)  # the group of each output

        def spread(values: Reals) -> Reals:
            chosen = values.reshape(groups, -1)[rows]  # [out, C / groups]
            return chosen.reshape(len(weight), *[1] * (weight.ndim - 2), -1)

        axes = tuple(range(1, weight.ndim))
        moved = (weight * spread(self.offset)).sum(axis=axes)
        terms = np.abs(bias) + (np.abs(weight) * spread(self.terms)).sum(axis=axes)
        return weight * spread(self.gain), bias + moved, terms
