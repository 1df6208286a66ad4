"""The networks of five tutorials as short programs: each module has one function, ``main(data, out, seed, epochs)``.

``compiled-nn tutorial NAME`` runs it, and so does ``python -m compiled_nn.examples.NAME``. In a clone of the sources
the folder is also called `examples`: ``python examples/beans.py``.
"""

TUTORIALS = {
    "beans": "is a bean leaf sick, and of what? 30000-4-3-2-1, then three classes",
    "cats": "cat or not, 12288-20-7-5-1, from three kinds of initial weights",
    "mnist": "digit 1 or 2, 784-196-1, with curves of training and validation",
    "fashion": "ten kinds of clothes, 784-50-10, pixels as they are and standardised",
    "xor": "exclusive or, 2-3-1; needs no data",
}
