"""The accelerator engine: a MAC array that runs programs of layers and stops at exits."""
