"""What every long-running process needs: clock, supervised tasks, settings, errors, logs, metrics, health."""
