"""What may never be shown: secrets, card numbers and phone numbers, found in text and hidden."""
