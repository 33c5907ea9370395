"""The dashboard; set before torch is loaded: its threads sleep while they wait.

Several pages, jobs and the browser share the processor's cores. Threads that spin at every barrier
starve the ones they wait for, and a map took over ten times as long.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
