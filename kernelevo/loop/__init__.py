"""The self-improving loop: generations of steps on tasks, levers that draft changes from the record, and a gate."""
