"""The lever that changes a harness: bounded edits (`edits`), at a pace that slows down (`pace`), drafted from measured
gains (`statistical`) or by a language model that reflects on the record (`reflecting`).
"""
