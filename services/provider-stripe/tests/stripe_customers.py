"""The customers of a provider under test, without a database."""

from datetime import timedelta

from provider_stripe.customers import Begun


class MemoryCustomers:
    """As `provider_stripe.customers.StoredCustomers`, in this process alone; `age` is how old each is said to be."""

    def __init__(self) -> None:
        self.known: dict[str, Begun] = {}
        self.age = timedelta()

    async def begin(self, name: str) -> Begun:
        begun = self.known.setdefault(name, Begun(1, None, timedelta()))
        return begun._replace(age=self.age)

    async def keep(self, name: str, number: int, reference: str) -> None:
        begun = self.known[name]
        if begun.number == number and begun.reference is None:
            self.known[name] = begun._replace(reference=reference)

    async def begin_anew(self, name: str, number: int) -> None:
        if self.known[name].number == number:
            self.known[name] = Begun(number + 1, None, timedelta())
            self.age = timedelta()
