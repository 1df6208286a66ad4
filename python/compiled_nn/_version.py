"""Version of the package, in a separate module so that every module can import it, and the address of its repository.

`setup.py` makes ``[project.urls]`` from the address, and `docs/_ext/sources.py` the links to the sources and to the
editor. While it is empty, there are none.
"""

__version__ = "0.1.0"
REPOSITORY = ""  # such as "https://HOST/OWNER/NAME", without a slash at the end
