"""This folder on the path, for the modules that its tests share."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
