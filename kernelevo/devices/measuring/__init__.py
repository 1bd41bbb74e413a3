"""How a call is measured, on the judge's side: it knows drivers and card watches by their interfaces only.

`calls.py` is one call from prepared memory to fingerprints; `arena.py` the memory; `agreement.py` the clocks;
`floor`s and figures are the evaluator's (kernelevo/evaluators/measuring.py). docs/measuring.md has it as a table.
"""
