"""Language models. `openai` talks to any compatible server, `vllm` to one that also loads adapters, `scripted` replays;
`recorded` asks one of them within a budget and on the record; `serving` is a server of the wire format, for tests.
"""
