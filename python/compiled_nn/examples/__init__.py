"""The networks of five tutorials as short programs: each module has one function, ``main(data, out, seed, epochs)``.

``compiled-nn tutorial NAME`` runs one, and so does ``python -m compiled_nn.examples.NAME``.
"""
