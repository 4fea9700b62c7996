"""The provider kit: what a payment provider must implement, and the runtime that calls it safely."""
