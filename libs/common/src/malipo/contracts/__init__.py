"""The messages between services: versioned, append-only, with golden schemas in `libs/common/schemas`."""
