"""Who runs the evaluations: `local` with worker threads, `streaming` with items that come one by one, `serial`."""
