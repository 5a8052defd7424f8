"""The benchmarks: each area measures, compares with its target, and says how."""
