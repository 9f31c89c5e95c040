"""Who made what under which licence, read from what authors wrote and written as others want it."""
