"""Which crossings make up the sample, which have a name, and in which order they are crashed."""

from dataclasses import replace

from chaos.crossings import Crossing
from chaos.matrix import Cell, alike, concerning, named, once, sample, spread
from chaos.operations import OPERATIONS
from malipo.contracts.providers import PROVIDERS


def cell(operation: int, service: str, moment: str = "before", nth: int = 1) -> Cell:
    return Cell(OPERATIONS[operation], Crossing(service, "offset commit", moment, "a.group", nth))


def test_the_sample_has_each_side_of_each_seam_of_each_service_once():
    cells = [cell(o, s, m, n) for o in (0, 1) for s in ("a", "b") for m in ("before", "after") for n in (1, 2)]
    chosen = {(c.crossing.service, c.crossing.moment) for c in sample(cells)}
    assert len(sample(cells)) == len(chosen) == 4


def test_of_each_seam_of_each_service_one_side_is_enough_if_its_sides_take_turns():
    cells = [cell(o, s, m) for o in (0, 1) for s in "abcd" for m in ("before", "after")]
    chosen = sample(cells, each_side=False)
    assert [(c.crossing.service, c.crossing.moment) for c in chosen] == [
        ("a", "before"),
        ("b", "after"),
        ("c", "before"),
        ("d", "after"),
    ]
    assert len({c.operation.name for c in chosen}) == 2


def test_the_sample_is_chosen_from_as_many_operations_as_there_are():
    cells = [cell(o, s) for o in range(len(OPERATIONS)) for s in "abcdef"]
    assert len({c.operation.name for c in sample(cells)}) == 6


def test_the_sample_leaves_out_what_is_reached_by_chance():
    chance, certain = replace(cell(0, "a"), by_chance=True), cell(1, "a")
    assert sample([chance, certain]) == [certain]
    assert sample([chance]) == []


def test_of_an_operation_the_sample_has_what_most_others_reach_too():
    rare, usual = (Cell(OPERATIONS[0], Crossing("a", "answer", "after", place, 1)) for place in ("a clock", "all"))
    assert sample([rare, usual, replace(usual, operation=OPERATIONS[1])]) == [usual]


def test_where_a_crossing_of_the_sample_is_not_reached_again_other_places_stand_in_for_it():
    one, same, other = (
        Cell(OPERATIONS[number], Crossing("a", "answer", "after", place, 1))
        for number, place in enumerate(("here", "here", "there"))
    )
    assert alike(one, [one, same, other]) == [one, other, same]
    assert alike(one, [one, same, replace(other, by_chance=True)]) == [one, same]


def test_what_another_providers_service_does_meanwhile_is_no_crossing_of_the_operation():
    card = replace(OPERATIONS[0], provider="stripe")
    own, shared, other = (
        Crossing(name, "answer", "after", "a place", 1) for name in ("provider-stripe", "gateway", "provider-mpesa")
    )
    assert concerning(card, [own, shared, other]) == [own, shared]


def test_a_place_that_is_reached_by_chance_is_crashed_once():
    chance = [replace(cell(operation, "a", nth=nth), by_chance=True) for operation in (0, 1) for nth in (1, 2)]
    certain = [cell(operation, "a", nth=3) for operation in (0, 1)]
    other = replace(cell(1, "b"), by_chance=True)
    assert once([*chance, *certain, other]) == [chance[0], *certain, other]


def test_a_crossing_is_chosen_by_its_name_or_by_a_part_of_it():
    cells = [cell(0, "a"), cell(0, "a", nth=2), cell(1, "b")]
    assert named(cells, "a: before offset commit 2 of a.group") == [cells[1]]
    assert named(cells, "before offset commit 1") == [cells[0], cells[2]]
    assert named(cells, "after offset commit") == []


def test_a_whole_name_does_not_choose_the_longer_ones_that_it_begins():
    short, long = (Cell(OPERATIONS[0], Crossing("a", "answer", "after", place, 1)) for place in ("/pay", "/pay/{id}"))
    assert named([long, short], str(short.crossing)) == [short]


def test_services_take_turns_to_be_killed():
    order = [c.crossing.service for c in spread([cell(0, "a"), cell(1, "a"), cell(0, "b"), cell(1, "b"), cell(2, "a")])]
    assert order == ["a", "b", "a", "b", "a"]


def test_a_service_with_most_of_the_cells_has_no_long_row_of_them_at_the_end():
    order = [c.crossing.service for c in spread([*[cell(0, "a", nth=n) for n in range(6)], cell(0, "b"), cell(1, "b")])]
    assert order == ["a", "a", "b", "a", "a", "a", "b", "a"]


def test_what_two_operations_pass_identically_is_crashed_in_one_of_them():
    first = replace(OPERATIONS[0], name="card", like={})
    second = replace(OPERATIONS[0], name="phone", like={"orchestrator": "card"})
    shared, own = (Crossing("orchestrator", "kafka produce", "after", place, 1) for place in ("a topic", "another"))
    provider = Crossing("provider", "answer", "after", "/v1/payments", 1)
    cells = [
        Cell(first, shared),
        Cell(first, provider),
        Cell(second, shared),
        Cell(second, own),
        Cell(second, provider),
    ]
    assert once(cells) == [Cell(first, shared), Cell(first, provider), Cell(second, own), Cell(second, provider)]


def test_what_knows_nothing_of_operations_is_crashed_in_the_first_that_reaches_it_in_every_recording():
    first, second, third = (replace(OPERATIONS[0], name=name, like={}) for name in ("card", "phone", "bank"))
    shown = Crossing("gateway", "answer", "after", "/v1/payments", 1)
    cells = [Cell(first, shown, by_chance=True), Cell(second, shown), Cell(third, shown)]
    assert once(cells) == [Cell(second, shown)]


def test_a_part_whose_way_is_an_operations_own_is_crashed_there_too():
    first, second = (replace(OPERATIONS[0], name=name, like={}) for name in ("paid", "endpoint gone"))
    refused = replace(second, own=frozenset({"webhook-dispatcher"}))
    cells = [Cell(one, crossing("webhook-dispatcher", "http request", "/")) for one in (first, refused)]
    assert once(cells) == cells


def crossing(service: str, seam: str, place: str) -> Crossing:
    return Crossing(service, seam, "after", place, 1)


def test_what_the_kit_does_for_every_provider_is_crashed_in_one_of_them():
    card = replace(OPERATIONS[0], name="card", like={})
    phone = replace(OPERATIONS[0], name="phone", provider="mpesa", like={})
    poll, call = ("kafka poll", "provider-{}.commands"), ("http request", "POST /v1/payments")
    cells = [
        Cell(one, crossing(f"provider-{one.provider}", seam, place.format(one.provider)))
        for one in (card, phone)
        for seam, place in (poll, call)
    ]
    assert once(cells) == [*cells[:2], cells[3]]
    assert {one.crossing.service for one in sample(cells)} == {"provider-stripe", "provider-mpesa"}
    assert len(sample(cells)) == 3


def test_a_callback_that_nobody_signed_is_stored_in_another_way_than_one_that_is_signed():
    signed, hint = (
        crossing(f"provider-{name}", "postgresql commit", "door.Door._write") for name in ("stripe", "mpesa")
    )
    assert signed.common != hint.common


def test_each_provider_has_operations():
    assert {one.provider for one in OPERATIONS} == set(PROVIDERS)


def test_an_operation_that_is_crashed_alone_is_crashed_at_all_of_its_crossings():
    operation = replace(OPERATIONS[0], name="phone", like={"orchestrator": "card"})
    alone = [Cell(operation, crossing("orchestrator", "kafka poll", "a topic"))]
    assert once(alone) == alone


def test_of_operations_that_are_like_each_other_one_is_crashed_itself():
    operations = {one.name: one for one in OPERATIONS}
    for one in OPERATIONS:
        for part in one.like:
            names = [one.name]
            while part in operations[names[-1]].like:
                names.append(operations[names[-1]].like[part])
                assert len(set(names)) == len(names), (part, names)
