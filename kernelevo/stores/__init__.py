"""Where a run is kept. `sqlite` is the record on disk; `memory` the same contract without a disk, for tests."""
