"""What merchants were told."""
