"""The passes over a corpus, and the commands made of them: build (start there), check and convert.

May import formats, encoders, inspecting and ner_dist's engines and contract.
"""
