"""Model endpoints behind one small port."""
