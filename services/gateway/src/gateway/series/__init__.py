"""Series: what a merchant may charge by a mandate, in each of its periods."""
