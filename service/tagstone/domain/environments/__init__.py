"""From the files that say what code needs to the recipe of its image."""
