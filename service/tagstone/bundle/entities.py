"""Entities of the crate, as JSON-LD has them: plain dictionaries that name each other by `@id`."""

from collections.abc import Sequence

from tagstone.bundle.text import reference

Entity = dict[str, object]


def ref(entity: Entity) -> Entity:
    """The mention of an entity."""
    return {"@id": entity["@id"]}


def refs(entities: Sequence[Entity]) -> object:
    """The mention of some entities: one alone is no list."""
    return one_or_list([ref(entity) for entity in entities])


def one_or_list(items: Sequence[object]) -> object:
    """The items, one alone without its list, as RO-Crate recommends."""
    return items[0] if len(items) == 1 else list(items)


def value(group: str, name: str, content: object, unit: str | None = None, number: int | None = None) -> Entity:
    """A named value of a group such as `#requested`; `unit` is the address of its unit, `number` that of the run that alone has it."""
    entity: Entity = {
        "@id": f"{group}-{reference(name)}" + (f"-{number}" if number is not None else ""),
        "@type": "PropertyValue",
        "name": name,
        "propertyID": f"{group.removeprefix('#')} {name}",
        "value": str(content),
    }
    return entity | ({"unitCode": unit} if unit else {})
