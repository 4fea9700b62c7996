"""TLS with client certificates, and certificates of authorities of a simulator's own."""
