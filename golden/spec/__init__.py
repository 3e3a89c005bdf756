"""What all parts agree on: number formats and configurations, in plain Python.

No numpy, no torch, no amaranth: the hardware generator, the golden model and the host import
this package alike.
"""
