"""Without Dask, `import compiled_nn.dask` names the extra, and `import compiled_nn` does not need it."""

import subprocess
import sys


def test_without_dask(environment):
    code = "import sys; sys.modules['distributed'] = None; import compiled_nn; import compiled_nn.dask"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert 'compiled_nn.dask needs Dask; pip install "compiled-nn[dask]"' in done.stderr
