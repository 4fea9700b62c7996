"""The directory of aliases: who is enrolled with an e-mail address or a phone number."""
