"""Who does things in tests."""

from tagstone.domain.people.deed import Actor, Origin

ADA = Actor("ada", Origin.COMMAND)
