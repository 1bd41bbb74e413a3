"""What a kernel file and its problem say: plans, expressions, problems, tolerances. No part of the system, so every part may read it."""
