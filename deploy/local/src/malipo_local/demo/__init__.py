"""The demo: payments on the real system, shown step by step for a newcomer."""
