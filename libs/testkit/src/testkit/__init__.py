"""Laws and helpers for tests of services and providers; never imported by running code."""
