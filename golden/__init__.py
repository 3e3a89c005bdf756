"""The golden model: everything that says what the answer must be.

Import the modules by name (``offramp.golden.decision``, ``offramp.golden.network``): this
package imports nothing itself, so that ``offramp.golden.spec`` stays free of numpy and torch.
"""
