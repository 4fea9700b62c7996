"""What every descriptor keeps, so that all that derives from them can."""

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from malipo.contracts.commands import CreatePayment
from malipo.contracts.descriptor import ActionKind, Personal, ShowsMode
from malipo.contracts.marks import modes_shown, places, without_secrets
from malipo.contracts.personal import parted
from malipo.contracts.provider_commands import ProviderOperationKind
from malipo.contracts.providers import PROVIDERS
from malipo.money import EXPONENTS
from malipo.platform.callback_paths import callback_path
from malipo.platform.secrets import KeyRing

PEM = "-----BEGIN CERTIFICATE-----\nMIIBxDCCAWug\n-----END CERTIFICATE-----\n"


def test_a_provider_is_called_as_its_file_and_has_at_least_a_charge():
    for name, provider in PROVIDERS.items():
        assert provider.name == name
        assert re.fullmatch("[a-z][a-z0-9]*", name), "it is part of the names of packages, topics and variables"
        assert "charge" in provider.operations
        assert set(provider.operations) <= set(get_args(ProviderOperationKind))


def test_the_address_of_callbacks_is_one_providers_and_says_no_more_than_its_descriptor_lets_it():
    begins = {provider.callbacks_at for provider in PROVIDERS.values()}
    assert len(begins) == len(PROVIDERS)
    assert all(re.fullmatch("/callbacks/[a-z][a-z0-9]*/", one) for one in begins)
    assert PROVIDERS["stripe"].callbacks_at == "/callbacks/stripe/"
    address = callback_path(PROVIDERS["mpesa"], "cred_0exesq1", KeyRing({"k1": b"k" * 32}))
    addresses = [address, *(f"{address}/{word}" for word in PROVIDERS["mpesa"].account_words)]
    assert not any(re.search("mpesa|safaricom|exe|cmd|sql|query", one) for one in addresses), "M-Pesa refuses such"
    for provider in PROVIDERS.values():
        assert all(re.fullmatch("[a-z]+", word) for word in provider.account_words)


def test_amounts_of_known_currencies_begin_and_end_on_their_step():
    for provider in PROVIDERS.values():
        for rules in provider.methods:
            assert rules.currencies
            assert set(rules.currencies) <= set(EXPONENTS)
            assert rules.shortest_life <= rules.life <= rules.longest_life
            assert set(rules.needs) <= set(CreatePayment.__struct_fields__)
            assert set(rules.actions) <= set(get_args(ActionKind))
            for rule in rules.currencies.values():
                assert 0 < rule.least <= rule.most
                assert rule.takes(rule.least)
                assert rule.takes(rule.most)


def test_providers_with_the_same_method_share_its_model():
    models = [rules.model for provider in PROVIDERS.values() for rules in provider.methods]
    types = {rules.type for provider in PROVIDERS.values() for rules in provider.methods}
    assert len(set(models)) == len(types)


def test_no_two_models_have_one_name_in_the_description_of_the_api():
    models = {model for one in PROVIDERS.values() for model in (one.credentials, *(m.model for m in one.methods))}
    assert len({model.__name__ for model in models}) == len(models)


def test_a_code_of_two_providers_means_the_same():
    texts = {}
    for provider in PROVIDERS.values():
        for code, text in provider.problems.items():
            assert re.fullmatch("[a-z_]+", code)
            assert texts.setdefault(code, text) == text


def test_the_example_of_the_credentials_is_one():
    for provider in PROVIDERS.values():
        example = provider.credentials.model_config["json_schema_extra"]["example"]
        provider.credentials.model_validate(example)


def texts_in(schema: Any) -> Iterator[dict[str, Any]]:
    """What a schema says of each text that a merchant may send."""
    if isinstance(schema, list):
        for inner in schema:
            yield from texts_in(inner)
    elif isinstance(schema, dict):
        if schema.get("type") == "string":
            yield schema
        for inner in schema.values():
            yield from texts_in(inner)


def test_a_null_character_which_no_row_can_hold_is_refused_in_every_text_and_the_description_says_so():
    for provider in PROVIDERS.values():
        for model in (provider.credentials, *(rules.model for rules in provider.methods)):
            free = [text for text in texts_in(model.model_json_schema()) if not {"const", "enum"} & text.keys()]
            for sent in ("\0", "12345\0", "https://shop.example/\0"):
                assert [text for text in free if re.search(text.get("pattern", ""), sent)] == [], provider.name


def test_what_is_initiated_before_its_provider_works_on_it_can_be_canceled_until_then():
    for provider in PROVIDERS.values():
        for rules in provider.methods:
            assert not rules.initiates or "cancel" in provider.operations
            assert not rules.initiates or (rules.captures, rules.actions) == (("automatic",), ())


def test_confirming_follows_an_approval_and_nothing_else():
    for provider in PROVIDERS.values():
        asks = any("approval" in rules.actions for rules in provider.methods)
        assert asks == ("confirm" in provider.operations)


@pytest.mark.parametrize(
    ("provider", "sent", "shown"),
    [
        (
            "mpesa",
            {"kind": "till", "shortcode": "174379", "till_number": "300584", "consumer_key": "open",
             "consumer_secret": "s" * 20, "passkey": "short", "initiator": "reverser",
             "initiator_password": "also secret, and long enough", "pull_number": "0722000000",
             "by_hand": {"references": "known", "least": 100, "most": 200}},
            {"consumer_key": "open", "consumer_secret": "...ssss", "passkey": "...", "initiator_password": "...ough",
             "pull_number": "..."},
        ),
        (
            "bank",
            {"debtor_account_id": "acc-1", "certificate": {"certificate": PEM, "private_key": PEM * 20, "key_id": "k1"},
             "webhook_keys": [{"id": "k1", "secret": "first secret of ours"}, {"id": "k2", "secret": "x"}]},
            {"certificate": {"certificate": PEM, "private_key": "...", "key_id": "k1"}, "partner": "default",
             "webhook_keys": [{"id": "k1", "secret": "...ours"}, {"id": "k2", "secret": "..."}]},
        ),
    ],
)  # fmt: skip
def test_of_a_secret_only_its_end_is_shown_wherever_it_stands(provider, sent, shown):
    credentials = PROVIDERS[provider].credentials.model_validate(sent)
    assert without_secrets(credentials) == sent | shown


@pytest.mark.parametrize("given", ["secret/client.pem", "MIIBxDCCAWug", "", f"\x00{PEM}"])
def test_what_is_no_pem_is_refused_as_none(given):
    certificate = {"certificate": PEM, "private_key": given, "key_id": "k1"}
    with pytest.raises(ValidationError) as refused:
        PROVIDERS["bank"].credentials.model_validate({"debtor_account_id": "acc-1", "certificate": certificate})
    assert [error["type"] for error in refused.value.errors()] == ["pem_invalid"]


@pytest.mark.parametrize(
    ("provider", "sent", "shown"),
    [
        ("mpesa", {"type": "mpesa", "phone": "0712 345 678"}, {"phone": "2547*****678"}),
        ("paypal", {"type": "paypal"}, {}),
        (
            "bank",
            {"type": "bank_transfer",
             "recipient": {"name": "Ada Lovelace", "account": {"number": "000123456789", "routing": "021000021"}}},
            {"recipient": {"name": "A. L.", "account": {"number": "****6789", "routing": "021000021"}}},
        ),
    ],
)  # fmt: skip
def test_of_a_person_only_a_mask_is_shown_wherever_it_stands(provider, sent, shown):
    (rules,) = PROVIDERS[provider].methods
    method = rules.model.model_validate(sent)
    assert parted(method)[0] == sent | shown


def test_of_a_short_account_number_nothing_is_shown():
    (rules,) = PROVIDERS["bank"].methods
    recipient = {"name": "Ada", "account": {"number": "1234", "routing": "021000021"}}
    visible, _ = parted(rules.model.model_validate({"type": "bank_transfer", "recipient": recipient}))
    assert visible["recipient"]["account"]["number"] == "****"


def test_the_places_of_what_is_about_a_person_are_known_without_a_value():
    (rules,) = PROVIDERS["bank"].methods
    assert places(rules.model, Personal) == {
        ("recipient", "name"),
        ("recipient", "account", "number"),
        ("recipient", "alias", "value"),
    }


def test_a_key_shows_its_mode():
    stripe = PROVIDERS["stripe"].credentials
    assert modes_shown(stripe.model_validate({"secret_key": "rk_live_abcd"})) == [(("secret_key",), "live")]
    without = [name for name, one in PROVIDERS.items() if not places(one.credentials, ShowsMode)]
    assert without == ["bank", "mpesa", "paypal"]
