"""What a provider is, as data: everything outside the provider's own folder derives from its descriptor."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import UnionType
from typing import (
    Annotated,
    Any,
    ClassVar,
    Literal,
    LiteralString,
    NamedTuple,
    TypeAliasType,
    Union,
    cast,
    get_args,
    get_origin,
    override,
)

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from malipo.contracts.commands import CaptureMode, PaymentMethod, Transfer
from malipo.contracts.provider_commands import ProviderOperationKind
from malipo.money import MAX_AMOUNT_MINOR, Money

STATEMENT_CHARS = 22
"""So much of a statement's line is there for who was paid: it is what card networks carry."""


class Details(BaseModel):
    """A JSON object that a merchant sends: types as written in JSON, no unknown fields.

    `problems` are the codes of what may be wrong with its own fields, beside those that every body has. `numbers` are
    places where a number is meant that may look like a card's.

    Raises `TypeError` when it is defined with a mark where none is read: on anything but a text or a list of texts, or
    within anything but objects and lists. What it marks would be shown.
    """

    problems: ClassVar[tuple[str, ...]] = ()
    numbers: ClassVar[frozenset[tuple[str, ...]]] = frozenset()

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)

    @classmethod
    @override
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        for name, one in cls.model_fields.items():
            _require_read(one.annotation, f"{cls.__name__}.{name}", marked=_is_marked(one.metadata))


class Method(Details):
    """How a customer pays: its field `type`, a `Literal`, names it; the others are what this method needs to know."""

    @property
    def method_type(self) -> str:
        """What its field `type` says."""
        return vars(self)["type"]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text must match `regex` as a whole, written as both Python and OpenAPI read it; else the problem has `code`."""

    regex: str
    code: str
    must: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(schema) | {"pattern": self.regex}

    def _check(self, text: str) -> str:
        if not re.fullmatch(self.regex, text):
            raise PydanticCustomError(cast("LiteralString", self.code), "must be {must}", {"must": self.must})
        return text


@dataclass(frozen=True, slots=True)
class Secret:
    """Marks a text, or a list of texts, that is never shown: only what `prefix`, a regex, finds at its beginning, and the
    last characters of a long one, unless these tell nothing (`ending`).
    """

    prefix: str = ""
    ending: bool = True


@dataclass(frozen=True, slots=True)
class ShowsMode:
    """Marks a text in which `regex` finds, at its beginning, the mode that it is for, as its one group."""

    regex: str


@dataclass(frozen=True, slots=True)
class Personal:
    """Marks a text about a person: it travels and rests sealed, and `mask` is what everybody else sees of it."""

    mask: Callable[[str], str]


def _is_marked(metadata: Sequence[object]) -> bool:
    return any(isinstance(one, Secret | ShowsMode | Personal) for one in metadata)


def _require_read(annotation: object, where: str, *, marked: bool) -> None:
    """Raise `TypeError` for a mark in this annotation, or upon it, that `marks` would not find."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, TypeAliasType):
        _require_read(annotation.__value__, where, marked=marked)
    elif origin is Annotated:
        _require_read(inner[0], where, marked=marked or _is_marked(inner[1:]))
    elif origin in (Union, UnionType, list):
        for one in inner:
            _require_read(one, where, marked=marked)
    elif annotation is str or annotation is type(None):
        pass
    elif marked or (origin is not None and _holds_marks(annotation)):
        msg = f"{where}: a mark is read on texts, in objects and lists; not in {annotation}"
        raise TypeError(msg)


def _holds_marks(annotation: object) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, Details):
        return True
    inner = get_args(annotation)
    return _is_marked(inner) or any(_holds_marks(one) for one in inner)


@dataclass(frozen=True, slots=True)
class AmountRule:
    """Which amounts of a currency are taken, in minor units: from `least` to `most`, in steps of `step`.

    `steps` says to people what such amounts are, as `whole shillings`. Both bounds are brought to the next amount within that is a multiple of the step, so that they are taken themselves.
    """

    step: int = 1
    least: int = 1
    most: int = MAX_AMOUNT_MINOR
    steps: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "least", -(-self.least // self.step) * self.step)
        object.__setattr__(self, "most", self.most // self.step * self.step)

    def takes(self, amount_minor: int) -> bool:
        """Whether this is such an amount."""
        return self.least <= amount_minor <= self.most and amount_minor % self.step == 0


@dataclass(frozen=True, slots=True)
class StatementDescriptor:
    """Which text of a merchant's a customer's statement may show: up to `longest` characters that `regex` matches as a whole,
    written as both Python and OpenAPI read it. `must` says that to people.
    """

    regex: str
    must: str
    longest: int = STATEMENT_CHARS

    def takes(self, text: str) -> bool:
        """Whether this is such a text."""
        return len(text) <= self.longest and re.fullmatch(self.regex, text) is not None


ActionKind = Literal["redirect", "phone_prompt", "approval", "other"]
"""What a customer may be asked to do: the tags of `Action`."""


class Misfit(NamedTuple):
    """What does not fit: the field by its JSON pointer, the problem's code, and what would be possible."""

    field: str
    code: str
    detail: str


class Completed(NamedTuple):
    """A method with all that was left to Malipo chosen, and what merchants see of it where money goes to a recipient."""

    method: Method
    transfer: Transfer | None = None


def _as_it_is(method: Method, _amount: Money, _now: datetime) -> Completed:
    return Completed(method)


def _fits(_method: Method, _amount: Money) -> Misfit | None:
    return None


def _no_names(_operation_id: str) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodRules:
    """A method of a provider. An intent is good for `life` unless the merchant says otherwise, within the two bounds.

    `needs` are the fields of a new payment that this method cannot do without. `refuses` says what else does not fit
    between the method's own fields and the amount, as a limit of one of its rails does. `completed` chooses what the merchant
    has left to Malipo, once, at the time at which the payment is accepted. `remittance`: whether it takes a text for the
    recipient of the money, along with it. `statement`: which text of the merchant's the customer's statement can show, if any.
    `attended`: whether a customer waits for the charge; what nobody waits for is tried
    until it expires, however long the provider is away. `initiates`: whether the provider may take it and work on it later, as
    a transfer that waits for its rail to open: it is `initiated` until then, and what has not ended there may be canceled.
    `saves`: whether it can be kept for later payments.
    `return_requests`: the rails over which the recipient's bank can be asked to give the money back.
    """

    model: type[Method]
    currencies: Mapping[str, AmountRule]
    captures: tuple[CaptureMode, ...] = ("automatic",)
    actions: tuple[ActionKind, ...] = ()
    needs: tuple[str, ...] = ()
    refuses: Callable[[Any, Money], Misfit | None] = _fits
    completed: Callable[[Any, Money, datetime], Completed] = _as_it_is
    remittance: bool = False
    statement: StatementDescriptor | None = None
    attended: bool = True
    initiates: bool = False
    return_requests: tuple[str, ...] = ()
    saves: bool = False
    life: timedelta = timedelta(minutes=15)
    shortest_life: timedelta = timedelta(minutes=1)
    longest_life: timedelta = timedelta(hours=24)

    @property
    def type(self) -> str:
        """The method's type, as merchants send it."""
        return get_args(self.model.model_fields["type"].annotation)[0]

    def takes(self, amount: Money, capture: CaptureMode) -> bool:
        """Whether a charge of this amount is possible, captured in this way."""
        rule = self.currencies.get(amount.currency)
        return rule is not None and rule.takes(amount.amount_minor) and capture in self.captures


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRules:
    """How a provider carries out an operation: also of a part of the amount, also several times, also with an outcome
    that comes long after (`asynchronous`).
    """

    partial: bool = False
    several: bool = False
    asynchronous: bool = False


@dataclass(frozen=True, slots=True)
class SameKey:
    """What may have been sent may be sent again under its key, which the provider remembers for `life`."""

    life: timedelta


@dataclass(frozen=True, slots=True)
class Never:
    """What may have been sent is never sent again: the provider knows no keys, and is only asked."""


@dataclass(frozen=True, slots=True)
class ProblemText:
    """What a code of a provider's own means to merchants, and what to do next."""

    title: str
    advice: str


PENDING = timedelta(minutes=1)
"""How long after something is pending its provider is first asked, unless it says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderDescriptor:
    """One provider.

    `callbacks`: what is `signed` is believed; what is a `hint` makes us ask, and only the answer is believed.
    `pending`: how long after an operation is pending it is first asked about; then after twice as long, and so on.
    `callback_word` stands for the name in the address of callbacks, where the provider refuses addresses with its name.
    `account_words`: what the address of an account's callbacks may go on with, where the provider wants several of one
    account: `/<word>` behind it. What comes there is the account's as well, and its adapter is told the word.
    `shared_callbacks_at`: one more address, of all accounts at once, where a provider has but one for all its customers'
    webhooks, which name their account themselves (`provider_kit.shared`).
    `own_references`: what a request to it names an operation by beside its own ids, made of the operation's id alone, such
    as a purpose or an invoice's number (`identity.short_name`): known before anything is sent.
    `receives`: it may report money that came without a payment, and so the money of a charge a second time.
    `disputes`: it reports when customers have their bank take money back, and can be asked how that stands.
    `own_addresses`: whether its requests carry the addresses of their own callbacks.
    `setup`: what a merchant has to configure at the provider, for the API's description.
    `waits`: what its reasons of a `Pending` mean to a merchant, by its code, each as a sentence.
    """

    name: str
    title: str
    credentials: type[Details]
    methods: tuple[MethodRules, ...]
    operations: Mapping[ProviderOperationKind, OperationRules]
    repeat: SameKey | Never
    callbacks: Literal["signed", "hint"]
    callback_word: str = ""
    account_words: tuple[str, ...] = ()
    shared_callbacks_at: str = ""
    pending: timedelta = PENDING
    own_references: Callable[[str], Sequence[str]] = _no_names
    receives: bool = True
    disputes: bool = False
    own_addresses: bool = False
    setup: str = ""
    waits: Mapping[str, str] = field(default_factory=dict[str, str])
    problems: Mapping[str, ProblemText] = field(default_factory=dict[str, ProblemText])

    @property
    def callbacks_at(self) -> str:
        """How the path of every callback begins, on the address of the provider's service."""
        return f"/callbacks/{self.callback_word or self.name}/"

    def rules_of(self, method_type: str) -> MethodRules | None:
        """The rules of a method, if this provider has it."""
        return next((rules for rules in self.methods if rules.type == method_type), None)

    def may_part(self, amount: Money) -> bool:
        """Whether such an amount may be a part of what was charged: in the steps of its currency, however small."""
        rules = [rules.currencies[amount.currency] for rules in self.methods if amount.currency in rules.currencies]
        return any(amount.amount_minor % rule.step == 0 for rule in rules)

    def read_method(self, method: PaymentMethod) -> Method:
        """The method as the merchant sent it. Raises `LookupError` for a method that this provider does not have."""
        rules = self.rules_of(method.type)
        if rules is None:
            raise LookupError(method.type)
        return rules.model.model_validate({"type": method.type, **method.details})
