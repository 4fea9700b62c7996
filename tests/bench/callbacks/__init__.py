"""What a provider's callbacks meet: how fast they are answered, that none is lost, and that heavy work beside delays none."""
