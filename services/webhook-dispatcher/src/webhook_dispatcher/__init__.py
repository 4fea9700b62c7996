"""Malipo's webhook-dispatcher: delivers the events of payments to merchants: signed, in order, until they arrive."""
