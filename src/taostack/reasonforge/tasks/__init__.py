"""Tasks with computed answers: families, answer types, seeds, and the plan of an epoch."""
