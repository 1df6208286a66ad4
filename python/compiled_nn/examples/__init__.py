"""Networks of five tutorials as short programs: each module has one function, ``main(data, out, seed, epochs)``.

``compiled-nn tutorial NAME`` and ``python -m compiled_nn.examples.NAME`` run them.
"""
