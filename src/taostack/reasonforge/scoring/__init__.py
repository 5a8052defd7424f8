"""The formulas, the verified dimensions, and the fold that makes a standing of them."""
