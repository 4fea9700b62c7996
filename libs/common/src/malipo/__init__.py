"""Malipo's shared library: what two or more services need, and nothing about any one of them."""
