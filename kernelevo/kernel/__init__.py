"""What a kernel file and its problem say: plans, expressions, problems. It is no part, so every part may read it."""
