"""Everything that the simulator remembers, and the one way to change it."""
