"""Everything that the simulator remembers, and the one way in which money moves."""
