"""What the bank remembers: customers, accounts, payments, keys, tokens, the book, and what is to happen when."""
