"""What the engine finds wrong while it works: names, and what each means."""

IMAGE_FAULTS: dict[str, str] = {
    "image_short": "the last beat of an image came too early",
    "image_long": "the last beat of an image came too late",
    "image_keep": "a beat had TKEEP bits at 0 that must be 1: only the last may, from its top on",
}
"""Faults of one image: it is dropped, the others inside are not."""

PROGRAM_FAULTS: dict[str, str] = {
    "descriptor": "a base lies outside its memory, a step or limit is beyond what the engine adds, "
    "a tile leaves in more steps than the array has, or an exit is none of the decision unit's",
    "program": "the program went on past its memory",
    "read": "activations were read past their memory",
    "write": "activations, those of an image included, were written past their memory",
    "weights": "weights were read past their memory",
    "channels": "biases and multipliers were read past their memory",
    "tile": "a tile arrived before the one before had left: the spacing of tiles is too short",
    "classes": "an exit had fewer than 2 logits, or more than the decision unit has classes",
}
"""Faults of a program or of its settings: the engine starts anew, the images inside are dropped.

Each is found where the address or count is made, before a result depends on it."""
