"""Many networks of one recipe, side by side."""
