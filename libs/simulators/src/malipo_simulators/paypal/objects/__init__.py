"""What the simulator remembers of each thing, and its JSON."""
