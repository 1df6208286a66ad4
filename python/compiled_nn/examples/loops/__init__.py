"""Training loops with user-defined losses: each module has one function, ``train(seed, epochs)``, and is a program.

``python -m compiled_nn.examples.loops.NAME`` runs it.
"""
