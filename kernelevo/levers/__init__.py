"""What changes a policy, from the record alone: `weights` trains its adapter, `harness` edits its texts."""
