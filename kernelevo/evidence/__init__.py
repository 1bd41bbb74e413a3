"""Evidence: one file that holds a claim with all that it rests on, and that a stranger can check (docs/evidence.md).

    container    members to bytes and back: an uncompressed tar that has exactly one form
    manifest     SHA-256 and size of every member, and one root hash over them
    canonical    JSON that has exactly one form, read strictly
    documents    what the JSON members say
    making       from verdicts and problems to documents
    bundle       a sealed set of members
    integrity    is it what was sealed?                       rows
    consistency  does it agree with itself?                   rows
    comparing    does a run of today come to the same?        rows
    signature    an optional signature with an SSH key
"""
