"""Disputes, which customers open and banks decide."""
