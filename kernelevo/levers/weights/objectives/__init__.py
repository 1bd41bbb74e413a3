"""The six objectives of the weights lever: advantages from rewards (advantages), losses of tensors (losses)."""
