"""A reasoning subnet: validators set checkable tasks, miners answer in steps, verifiers decide what it is worth."""
