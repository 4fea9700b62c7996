"""What can go wrong with a stack; every message ends with what to do next."""


class StackError(Exception):
    """The stack cannot do what was requested; the message says why and what to do."""


class StartError(StackError):
    """A process ended, or stayed silent, before it was ready."""
