"""Makes events of what happens to payments, sends them, and publishes the keys that they are signed with."""
