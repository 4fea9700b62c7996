"""Kills, freezes and starves a running system in every way we can name, and holds it to Malipo's promise."""
