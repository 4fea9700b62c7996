"""How a test is let in by the Kafka of a stack."""

from collections.abc import Mapping

from malipo.messaging.security import KafkaAccess
from malipo.platform.kafka_settings import KafkaSettings


def access(variables: Mapping[str, str]) -> KafkaAccess:
    """What these environment variables say, as `Stack.kafka_settings` has them."""
    given = {name.lower(): value for name, value in variables.items()}
    return KafkaAccess.of(KafkaSettings.model_validate({"environment": "test"} | given))
