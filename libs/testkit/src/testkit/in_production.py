"""Settings that every service needs, such as production accepts, for tests of what else it accepts."""

KEY_RING = "k1:Wqk3cJcYfP1m0Zt7h2b8Q5sLrXvEoUdGyNjTiA9KpHw="
SETTINGS = {
    "database_url": "postgresql://user:password@db.example/db?sslmode=require",
    "kafka_bootstrap": "kafka.example:9093",
    "kafka_security_protocol": "SSL",
    "key_ring": KEY_RING,
}
VARIABLES = {name.upper(): value for name, value in SETTINGS.items()}
