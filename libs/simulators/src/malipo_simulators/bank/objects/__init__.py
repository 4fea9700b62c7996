"""What the bank keeps of a payment, as values: its states, its money, its words, and how the API shows it."""
