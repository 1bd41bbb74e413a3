"""Who runs the evaluations: `local` with worker threads, `serial` in the caller's own."""
