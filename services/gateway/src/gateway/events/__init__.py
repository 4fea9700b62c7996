"""The events that merchants receive."""
