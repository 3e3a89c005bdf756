"""The RTL, in Amaranth."""
