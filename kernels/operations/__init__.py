"""The exhibits: one folder an operation, and beside them, as modules, what families of operations share.

An operation need not stand here. The environment variable HANDWRITTEN_OPERATIONS names folders, separated as in PATH,
that hold more of them: commands, tests and networks find these as they find their neighbours here.
"""

import os

__path__ += [
    os.path.abspath(folder) for folder in os.environ.get("HANDWRITTEN_OPERATIONS", "").split(os.pathsep) if folder
]
